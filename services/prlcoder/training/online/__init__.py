"""Rounds of training on the policy's own newest programs (``policy.dpo.rounds``).

- ``round_pairs.py``: the preference pairs of a round, from its rollouts.
- ``round_files.py``: what a round leaves on disk, so that a killed training goes on with the same round.

``algorithms/online_dpo.py`` is the loop.
"""
