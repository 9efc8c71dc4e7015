"""What each stage of a run will need: memory, GPUs, tokens, disk, the teacher's cost, time.

``stages.py: estimates`` is pure: it computes from a spec, the shape of the model (``shapes.py``), the size of the
problem set (``ProblemSize``) and measured constants. ``facts.py`` reads the shape and the size. No weights are read.
Each figure says how it was obtained. ``prlcoder run`` writes the estimates into ``estimate.json``, and the report
compares them with what the stages used (``runs/usage.py``).
"""

from __future__ import annotations
