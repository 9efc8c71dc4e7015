"""The training loop that all stages and algorithms share.

- ``job.py``: one training: its settings and folders.
- ``trainer.py``: the settings as ``transformers.TrainingArguments``, exact resuming, stopping, publishing.
- ``order.py``: the order of examples, a function of seed and epoch.
- ``language_modeling.py``: next-token training of whole programs.
- ``step_trainer.py``: the reward model's trainer, on rows or on tries.
- ``keep_best.py``: the weights of the best epoch. ``step_validation.py``: the reward model's measure and calibration.
- ``reference.py``: log-probabilities under the frozen reference, computed once and cached on disk.
- ``model_card.py``: the README of a model folder.
"""
