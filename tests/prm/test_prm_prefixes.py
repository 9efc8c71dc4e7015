"""The prefix cache reads no token twice, and its scores equal those of a reading from the start."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.prm.items import ProgramToScore, StepSpan, concatenated
from prlcoder.prm.prefixes import PrefixCache, can_reuse
from prlcoder.prm.step_model import StepModel, Tokenised
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import Prompt, render
from prlcoder.segmenter import segment

pytestmark = pytest.mark.needs_torch

NO_PROMPT = Prompt(text="", given="", closing="")
LINES = ("a = 1\n", "b = [a, a]\n", "for x in b:\n", "    a += x\n", "# é ∑\n", "\n", "print(a)\n")


@pytest.fixture(scope="module")
def model(reward_models: dict[str, Path]) -> StepModel:
    """The reward model ``first``."""
    return StepModel.load(str(reward_models["first"]))


class Counted:
    """Counts the tokens that go through a model."""

    def __init__(self, model: Any) -> None:
        self.tokens = 0
        model.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, module: Any, args: Any, kwargs: Any) -> None:
        self.tokens += kwargs["input_ids"].numel()


def prefixes(model: StepModel, problem: Problem) -> list[Tokenised]:
    """The problem's solution as it grows, one step each time."""
    program, prompt = problem.canonical, render(problem, "plain")
    steps = [StepSpan(part.start, part.end) for part in segment(program, "line")]
    return [
        model.tokenise(ProgramToScore(prompt, program[: step.end], tuple(steps[: number + 1])))
        for number, step in enumerate(steps)
        if step.end >= len(prompt.given)
    ]


def test_scores_of_a_growing_program_are_those_of_a_reading_from_the_start(
    model: StepModel, training_problems: tuple[Problem, ...]
) -> None:
    cache = PrefixCache(model, max_tokens=10_000)
    growing = [prefixes(model, problem) for problem in training_problems]
    for round_ in range(max(map(len, growing))):
        rows = [rows[round_] for rows in growing if round_ < len(rows)]
        for ours, theirs in zip(cache.odds(rows), model.odds(rows), strict=True):
            assert ours == pytest.approx(theirs, abs=2e-4)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_texts_in_any_order_score_as_from_the_start(model: StepModel, data: st.DataObject) -> None:
    cache = PrefixCache(model, max_tokens=data.draw(st.sampled_from([40, 1000])))
    for _ in range(4):
        texts = data.draw(st.lists(st.lists(st.sampled_from(LINES), min_size=1, max_size=12), min_size=1, max_size=3))
        rows = [model.tokenise(ProgramToScore(NO_PROMPT, *concatenated(steps))) for steps in texts]
        for ours, theirs in zip(cache.odds(rows), model.odds(rows), strict=True):
            assert ours == pytest.approx(theirs, abs=2e-4)


def test_only_what_is_new_is_read(reward_models: dict[str, Path], training_problems: tuple[Problem, ...]) -> None:
    model = StepModel.load(str(reward_models["first"]))
    counted = Counted(model.model)
    cache = PrefixCache(model, max_tokens=10_000)
    rows = prefixes(model, training_problems[0])
    for row in rows:
        cache.odds([row])
    changed = sum(  # where a program grows its last tokens may change: those are read twice
        sum(a != b for a, b in zip(old.ids, new.ids, strict=False)) for old, new in itertools.pairwise(rows[1:])
    )
    # The second row is read from its start: only then is it known that the program grows.
    read = len(rows[0].ids) + len(rows[-1].ids) + changed
    assert counted.tokens == read
    cache.odds(rows)
    assert counted.tokens == read


def test_a_growing_program_is_kept_once_and_the_bound_holds(
    model: StepModel, training_problems: tuple[Problem, ...]
) -> None:
    cache = PrefixCache(model, max_tokens=10_000)
    rows = prefixes(model, training_problems[0])
    for row in rows:
        cache.odds([row])
    assert cache.tokens == len(rows[-1].ids)
    small = PrefixCache(model, max_tokens=150)
    for problem in training_problems:
        small.odds(prefixes(model, problem)[-1:])
        assert small.tokens <= 150


def test_a_tokens_change_at_the_boundary_is_noticed(model: StepModel) -> None:
    text = "value = 1\n" * 6
    one, other = (
        model.tokenise(ProgramToScore(NO_PROMPT, *concatenated([text, last])))
        for last in ("return va", "return value\n")
    )
    shared = next(i for i, (a, b) in enumerate(zip(one.ids, other.ids, strict=False)) if a != b)
    assert shared < len(one.ids)  # "va" is not how "value" begins
    cache = PrefixCache(model, max_tokens=1000)
    cache.odds([one])
    assert cache.odds([other])[0] == pytest.approx(model.odds([other])[0], abs=2e-4)


def test_layers_that_forget_are_not_reused(model: StepModel, tmp_path: Path, tokenizer: Any) -> None:
    from transformers import MistralConfig, MistralForTokenClassification

    config = MistralConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        sliding_window=8,
        num_labels=2,
    )
    MistralForTokenClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert can_reuse(model)
    assert not can_reuse(StepModel.load(str(tmp_path)))
