"""``python -m prlcoder.runs.launch_ranks ARGUMENTS``: run ``prlcoder ARGUMENTS`` in several processes by ``torchrun``.

The number of processes and the place to meet come from the environment (``PET_NNODES``, ``PET_NPROC_PER_NODE``, ...),
as for ``torchrun`` itself. That command ends with 1 however its processes end; this one ends with the exit code of the
process that failed first, so that a configuration error is told from a crash.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError


def launch(arguments: Sequence[str]) -> int:
    """Run the ranks of this node to their end; returns 0, or the exit code of the first that failed."""
    torchrun: Any = importlib.import_module("torch.distributed.run")  # its functions have no types
    try:
        torchrun.main(["--module", "prlcoder.cli", *arguments])
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        return int(failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode)  # 128 + the signal
    return 0


if __name__ == "__main__":
    sys.exit(launch(sys.argv[1:]))
