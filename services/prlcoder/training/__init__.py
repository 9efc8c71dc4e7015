"""Training: the stages that make models, and the algorithms that improve a policy.

- ``stages/``: one module per training stage (`pretrain`, `sft`, `reward`, `policy`), each with ``run(context)``.
- ``algorithms/``: the ways to improve a policy, in the registry ``ALGORITHMS``.
- ``losses/``: pure functions of tensors, and how they are averaged.
- ``rollouts.py``: the programs that a policy samples during RL, and where their steps lie among the tokens.
- ``rewards/`` and ``credit/``: what is rewarded in a rollout, and how the reward is distributed over its tokens.
- ``masks/`` and ``curricula/``: which tokens are trained, and where completions begin.
- ``advantages.py``: from rewards per token, or per program, to advantages.
- ``rl/``: reinforcement learning: rollouts, updates, the value model, checkpoints, the log.
- ``online/``: rounds of step-DPO on the policy's own newest errors.
- ``examples/``: from supervision rows to tokenised examples and batches.
- ``loop/``: what all trainings share: starting models, arguments, exact resuming, order, publishing.

To add an algorithm, write one module in ``algorithms/`` with a function ``train``, add one line to ``ALGORITHMS``, and
write one test in ``tests/training/``; ``algorithms/__init__.py`` says what the function is given and must return.
"""

from prlcoder.training.algorithms import ALGORITHMS, Algorithm

__all__ = ["ALGORITHMS", "Algorithm"]
