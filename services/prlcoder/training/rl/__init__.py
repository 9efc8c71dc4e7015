"""Reinforcement learning from the policy's own rollouts, in one process or several.

An update is rollout -> verdict and step scores -> credit -> advantage -> optimiser steps. ``algorithms/rl.py`` is the
loop. Everything but its first and its last part is a pure function: ``credit/``, ``rewards/``, ``advantages.py``,
``losses/``.

- ``schedule.py``: the problems, the minibatches and the learning rate of an update.
- ``engines.py``: what samples: the model in training, or a policy service (``service_engine.py``), to which weights go
  through ``weights_folder.py``.
- ``collecting.py``: rollouts: sampled, executed, scored. ``scoring.py``: the reward model's scores of their steps,
  which ``early_scores.py`` has computed during the sampling if that is done elsewhere.
- ``token_batch.py``: rollouts as tensors. ``value_model.py``: the value model of PPO.
- ``learner.py``: the models with their optimisers, and an update of them. ``estimates.py``: rewards, advantages and
  returns per token.
- ``monitors.py``, ``own_steps.py``: what a training is watched by. ``alarms.py``: what goes wrong in it. ``watch.py``
  tells both. ``shown_rollouts.py``: rollouts for the report.
- ``state.py``: checkpoints. ``update_log.py``: what is logged of an update.
"""
