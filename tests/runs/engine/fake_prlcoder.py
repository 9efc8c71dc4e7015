"""The ``prlcoder`` command with every stage replaced by ``fake_stage``, without estimates and checks of models.

Run as a script.
"""

from __future__ import annotations

import sys
from typing import NoReturn

from prlcoder.cli.main import main
from prlcoder.errors import InputError
from prlcoder.runs import engine
from prlcoder.runs.estimates import facts
from prlcoder.runs.stage_functions import LOCAL_MODULES


def no_facts(*_: object) -> NoReturn:
    """An estimate imports transformers, which these runs do without."""
    raise InputError("a fake stage trains no model")


facts.facts_of = no_facts
engine.check_run_models = lambda *_: None  # the folders of fake stages contain no models
for name in LOCAL_MODULES:
    LOCAL_MODULES[name] = "fake_stage"
sys.exit(main())
