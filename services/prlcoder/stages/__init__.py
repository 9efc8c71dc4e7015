"""What a stage is given: its context, and the services and models that it may use.

``context.py`` defines a stage as a function of a ``StageContext``. ``services.py`` opens the executor, the segmenter
and the rule teacher, and ``models.py`` the policy and the reward model, each in this process or behind an address of
the spec; ``remote_*.py`` are the models behind an address. The stages themselves are in ``supervision``, ``training``
and ``evaluation``; ``spec/stages.py`` has their names, folders and order.
"""
