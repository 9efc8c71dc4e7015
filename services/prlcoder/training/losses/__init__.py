"""Losses as pure functions of tensors, and how they are averaged. No trainer, no model, no I/O.

- ``preference.py``: log-probabilities of spans, and the DPO loss on them.
- ``reward_model.py``: weighted cross-entropy at labelled steps.
- ``policy_gradient.py``: PPO's clipped loss, divergences, corrections, and what is logged of an update.
- ``value.py``: the loss of PPO's value model.
- ``averaging.py``: pair weights, and the denominator that all ranks and micro-batches of an optimiser step share.

A new loss is one pure function with shapes in its docstring, a link to its equation, and a test with numbers worked
out by hand. It returns one value per sample; averaging is the trainer's part, through ``averaging.py``.
"""
