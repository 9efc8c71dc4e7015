"""The ``prlcoder`` command with every stage replaced by ``fake_stage``. Run as a script."""

from __future__ import annotations

import sys

from prlcoder.cli.main import main
from prlcoder.runs.stage_functions import LOCAL_MODULES

for name in LOCAL_MODULES:
    LOCAL_MODULES[name] = "fake_stage"
sys.exit(main())
