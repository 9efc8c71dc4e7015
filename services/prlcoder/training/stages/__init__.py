"""The training stages of a run. Each module has one function ``run(context) -> metrics``, which writes a model folder.

``prlcoder.runs.stages`` names these modules and imports one only when its stage runs.
"""
