"""The registry of algorithms, and the examples in the training room's docstrings."""

from __future__ import annotations

import doctest
import importlib
import inspect
import subprocess
import sys
from typing import get_args

import pytest

from prlcoder.spec import Control, Policy
from prlcoder.training.algorithms import ALGORITHMS

MODULES = ("examples.pairs", "examples.steps", "losses.averaging")


def test_every_algorithm_and_control_of_the_spec_is_registered() -> None:
    named = {*get_args(Policy.model_fields["algorithm"].annotation), *get_args(Control.model_fields["kind"].annotation)}
    assert named == set(ALGORITHMS)


def test_the_registry_is_read_without_torch() -> None:
    code = "import sys, prlcoder.training.algorithms; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.needs_torch
@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_each_module_has_its_function(name: str) -> None:
    entry = ALGORITHMS[name]
    function = getattr(importlib.import_module(entry.module), entry.function)
    assert list(inspect.signature(function).parameters) == ["job", "start", "title"]


@pytest.mark.needs_torch
@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"prlcoder.training.{name}"))
    assert (results.failed, results.attempted > 0) == (0, True)
