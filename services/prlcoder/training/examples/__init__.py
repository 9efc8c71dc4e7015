"""From supervision rows and programs to tokenised examples, and from examples to batches.

- ``programs.py``: whole programs for likelihood training.
- ``steps.py``: labelled steps for the reward model.
- ``step_tries.py``: the same on tries, which share prefixes, and their collator.
- ``pairs.py``: preference pairs, their collator and the fields of their batch.
- ``pair_tries.py``: their collator on tries.
- ``online_pairs.py``: preference pairs from fresh rollouts.
- ``length_limit.py``: the rule that long examples are left out and counted, never truncated.
"""
