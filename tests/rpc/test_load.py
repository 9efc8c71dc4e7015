"""A short version of ``benchmarks/load.py``: more than the services can take, clients and workers that fail.

``PRLCODER_LOAD_SECONDS`` is its length in seconds (10; CI runs a minute). What a busy machine decides, the time to
recover and the memory of a short run, has generous bounds here; the benchmark has the strict ones.
"""

from __future__ import annotations

import math
import os
import random
from pathlib import Path

import pytest

import load
import load_ledger
import load_programs
from prlcoder.executor import Executor

pytestmark = [pytest.mark.needs_sandbox, pytest.mark.needs_torch]

SECONDS = float(os.environ.get("PRLCODER_LOAD_SECONDS", "10"))
RECOVERY_S = 20.0
GROWTH_MIB = 64.0


def test_under_twice_the_load_every_result_is_right_and_there_once(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    outcome = load.run(SECONDS, seed, tmp_path)
    load.report(outcome)
    ledger = outcome.ledger
    assert (ledger.wrong, ledger.lost, ledger.duplicated, ledger.unexpected) == ([], [], [], []), seed
    assert (outcome.faults, outcome.left, outcome.unhealthy) == ([], {}, [])
    assert set(outcome.exits.values()) == {0}
    seen = {code for _, code in ledger.statuses}
    assert {"OK", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "CANCELLED"} <= seen  # the load was one
    assert ledger.kills
    for service in ("executor", "prm"):
        assert max(ledger.recoveries(service, asked_after=False)) < RECOVERY_S
    for name in outcome.exits:
        sizes = [size for _, size in ledger.memory[name]]
        assert sizes[-1] - sizes[0] < GROWTH_MIB, name


def test_the_known_results_are_those_of_the_executor_itself() -> None:
    programs = [load_programs.known(number) for number in range(2 * load_programs.SLEEPER_INTERVAL)]
    with Executor(workers=1) as executor:
        results = list(executor.run(program.item for program in programs))
    assert [program.fault(result) for program, result in zip(programs, results, strict=True)] == [None] * len(programs)
    others = [*results[1:], results[0]]
    unnoticed = [program for program, other in zip(programs, others, strict=True) if program.fault(other) is None]
    assert unnoticed == []


def test_growth_is_told_from_a_level_that_is_reached() -> None:
    filling = [(float(at), 100.0 + min(at, 40)) for at in range(100)]
    leaking = [(float(at), 100.0 + at) for at in range(100)]
    assert load_ledger.growth(filling) == 0
    assert load_ledger.growth(leaking) == 40
    assert load_ledger.slope(leaking) == pytest.approx(60)


def test_a_kill_after_which_nothing_came_was_never_recovered_from() -> None:
    ledger = load_ledger.Ledger(right=[(0.0, 1.0), (0.6, 1.5)])
    ledger.kills = [load_ledger.Kill(0.5, "executor's jail"), load_ledger.Kill(2.0, "executor's jail")]
    assert ledger.recoveries(asked_after=False) == [0.5, math.inf]
    assert ledger.recoveries(asked_after=True) == [1.0, math.inf]
    assert ledger.recoveries("prm", asked_after=False) == []
