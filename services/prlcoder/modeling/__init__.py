"""Tokens, weights and batches: what the policy, the reward model and their trainings share.

``spans`` finds the tokens of steps in a tokenised program. ``checkpoints`` loads model folders, and ``weights_check``
decides whether one checkpoint can replace another. ``scratch_models`` and ``scratch_tokenizers`` make the models of
``model.scratch``. ``packing.rows`` lays sequences out as batches, and ``packing.tree`` merges those that share
prefixes into tries, which ``packing.tree_attention`` makes a model read in one pass. ``cpu`` sets the threads and the
memory of torch. Only ``spans`` can be imported without torch.
"""

from prlcoder.modeling.spans import Encoded, PairSpans, encode, encode_program, pair_spans, segment_end_tokens

__all__ = ["Encoded", "PairSpans", "encode", "encode_program", "pair_spans", "segment_end_tokens"]
