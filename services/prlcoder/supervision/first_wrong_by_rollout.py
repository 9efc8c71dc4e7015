"""Finds the first wrong step of a failing program by completing its prefixes (``locate: rollout``).

The policy completes the program from a prefix. The first wrong step is the first after which none of the completions
passes (Dai et al., https://arxiv.org/abs/2410.17621). It is found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from prlcoder.executor import ExecutionRequest, ExecutionResult
from prlcoder.policy.protocol import Generator
from prlcoder.problems.completions import extract_program
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import Prompt, PromptTemplate, held_whitespace
from prlcoder.segmenter import Mode, SegmentationError, segment
from prlcoder.supervision.differential import RunPrograms
from prlcoder.supervision.first_wrong_step import FailingProgram, FirstWrong, WrongStep, first_difference

CompletePrefixes = Callable[[Sequence[tuple[Problem, str]], int], list[list[str]]]
"""Takes prefixes of programs and a seed; returns texts that complete each of them."""


@dataclass(frozen=True)
class PrefixCompleter:
    """Completes prefixes with ``samples`` programs of a policy each; see ``CompletePrefixes``."""

    engine: Generator
    prompts: Mapping[str, Prompt]  # by problem id
    template: PromptTemplate
    stop: tuple[str, ...]
    samples: int
    temperature: float

    def __call__(self, prefixes: Sequence[tuple[Problem, str]], seed: int) -> list[list[str]]:
        """The texts after each prefix. A program that does not begin with the prefix answers another question and is
        left out."""
        helds = [held_whitespace(prefix, self.engine.tokenizer) for _, prefix in prefixes]
        completions = self.engine.generate(
            [
                self.prompts[problem.id].continued(prefix, held)
                for (problem, prefix), held in zip(prefixes, helds, strict=True)
            ],
            samples=self.samples,
            temperature=self.temperature,
            seed=seed,
            stop=self.stop,
        )
        return [
            self._rests(problem, prefix, held, texts)
            for (problem, prefix), held, texts in zip(prefixes, helds, completions, strict=True)
        ]

    def _rests(self, problem: Problem, prefix: str, held: str, texts: Sequence[str]) -> list[str]:
        begun = replace(problem, prompt=prefix)  # the prefix takes the place of the code that the problem gives
        programs = [extract_program(begun, self.template, text, held=held) for text in texts]
        return [program.removeprefix(prefix) for program in programs if program.startswith(prefix)]


@dataclass
class _Bisection:
    """The state of one bisection: after ``low`` segments the program can still be completed, after ``high`` it cannot.

    ``repaired`` is a passing completion after ``low`` segments. ``failure`` is a result without a verdict.
    """

    number: int
    program: FailingProgram
    low: int
    high: int
    repaired: str
    failure: ExecutionResult | None = None

    @property
    def middle(self) -> int:
        return (self.low + self.high) // 2

    @property
    def prefix(self) -> str:
        return "".join(part.text for part in self.program.segments[: self.middle])


def search_by_rollout(
    programs: Sequence[FailingProgram],
    results: Sequence[ExecutionResult],
    complete: CompletePrefixes,
    run: RunPrograms,
    *,
    mode: Mode,
    seed: int,
) -> list[FirstWrong]:
    """Search the first wrong step of each program, all of them in rounds. ``results`` are those of the programs.

    The search starts at the first step that differs from the canonical solution, because the canonical solution itself
    completes every prefix that both share.
    """
    searches = []
    for number, program in enumerate(programs):
        low = first_difference(program.segments, program.canonical)
        if low < len(program.segments):
            searches.append(_Bisection(number, program, low, len(program.segments), program.problem.canonical))
    while unfinished := [one for one in searches if one.failure is None and one.high - one.low > 1]:
        seed += 1  # every round samples new completions
        prefixes = [(search.program.problem, search.prefix) for search in unfinished]
        _narrow(unfinished, complete(prefixes, seed), run)
    found: list[FirstWrong] = [None] * len(programs)
    for search in searches:
        found[search.number] = search.failure or _wrong_step(search, results[search.number], mode)
    return found


def _narrow(searches: Sequence[_Bisection], rests: Sequence[Sequence[str]], run: RunPrograms) -> None:
    """Execute the completions of all searches, and halve each search's range.

    A completion without a verdict decides nothing unless another one passes, so it ends its search.
    """
    completed = [[search.prefix + rest for rest in own] for search, own in zip(searches, rests, strict=True)]
    found = iter(
        run(
            _request(search.program, program)
            for search, own in zip(searches, completed, strict=True)
            for program in own
        )
    )
    for search, own in zip(searches, completed, strict=True):
        outcomes = [(program, next(found)) for program in own]
        passing = next((program for program, result in outcomes if result.passed), None)
        if passing is not None:
            search.low, search.repaired = search.middle, passing
        elif (failure := next((result for _, result in outcomes if result.verdict is None), None)) is not None:
            search.failure = failure
        else:
            search.high = search.middle


def _request(program: FailingProgram, text: str) -> ExecutionRequest:
    problem = program.problem
    return ExecutionRequest(text, problem.tests, problem.preamble, limits=program.limits)


def _wrong_step(search: _Bisection, result: ExecutionResult, mode: Mode) -> WrongStep:
    segments = search.program.segments
    instead = _segment_at(search.repaired, segments[search.low].start, mode)
    return WrongStep(search.low, search.repaired, "".join(part.text for part in segments), result, instead)


def _segment_at(program: str, start: int, mode: Mode) -> str:
    """Return the text of the segment that begins exactly at ``start``, or an empty string."""
    try:
        return next((part.text for part in segment(program, mode) if part.start == start), "")
    except SegmentationError:
        return ""
