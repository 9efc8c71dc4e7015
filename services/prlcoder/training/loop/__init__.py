"""The training loop that all stages and algorithms share.

- ``job.py``: one training: its settings and folders.
- ``starting_model.py``: the model that a training starts from. ``lora.py``: its low-rank adapters.
- ``trainer.py``: the settings as ``transformers.TrainingArguments``, and the loop from the last checkpoint to the end.
- ``checkpoints.py``, ``stop_on_signal.py``, ``finite.py``, ``show_progress.py``: what the loop does between two steps:
  it names the newest complete checkpoint, stops on a signal, stops at a NaN, and shows progress.
- ``publishing.py``: the finished model folder.
- ``order.py``: the order of examples, a function of seed and epoch.
- ``language_modeling.py``: next-token training of whole programs.
- ``step_trainer.py``: the reward model's trainer, on rows or on tries. ``reward_trainer.py`` makes it.
- ``keep_best.py``: the weights of the best epoch. ``step_validation.py``: the reward model's measure and calibration.
- ``reference.py``: log-probabilities under the frozen reference, computed once and cached on disk.
- ``model_card.py``: the README of a model folder.
"""
