"""The HTML report of a run: one self-contained file, drawn from the run folder alone.

``inputs`` reads the folder into ``records``; ``headline``, ``results``, ``reward``, ``supervision``, ``curves``,
``timings`` and ``viewer`` prepare one section each; ``charts`` and ``scales`` draw; ``page`` fills ``template.html``.
``comparison`` compares two runs for ``prlcoder compare``.
"""

from prlcoder.report.page import build

__all__ = ["build"]
