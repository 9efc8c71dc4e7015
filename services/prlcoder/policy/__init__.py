"""The policy in this process: completions sampled from a causal language model.

``sampling`` holds the sampling options and the pieces in which samples arrive, ``protocol`` the interface of every
engine. ``transformers_engine.TransformersEngine`` is the engine that runs everywhere; ``decoding`` draws its tokens and
``kv_cache`` is its cache. ``serving`` is the service, with vLLM as a second engine. The modules
``transformers_engine``, ``decoding`` and ``kv_cache`` need torch and are not imported here.
"""

from prlcoder.policy.protocol import Generator
from prlcoder.policy.sampling import Piece, Sampling, Unread

__all__ = ["Generator", "Piece", "Sampling", "Unread"]
