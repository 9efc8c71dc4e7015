"""Rewards for completions of known problems: the verdict of the whole program, or the scores of its steps.

Programs may be run and scored in this process (``Executor``, ``LocalStepScorer``) or by a service
(``BlockingExecutor``, ``RemoteScorer``); both implement the same protocols.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from prlcoder.errors import InputError
from prlcoder.evaluation.step_scores import AGGREGATES, ProgramScorer, aggregate
from prlcoder.executor import ExecutionRequest, ProgramRunner, Verdict
from prlcoder.executor.verdicts import faulty_tests
from prlcoder.prm.protocol import StepScorer
from prlcoder.problems.completions import extract_program
from prlcoder.problems.model import Problem
from prlcoder.segmenter import Mode

SIGNAL: Final = MappingProxyType(
    {
        Verdict.PASSED: 1.0,
        Verdict.WRONG_ANSWER: -0.3,
        Verdict.RUNTIME_ERROR: -0.6,
        Verdict.TIMEOUT: -0.6,
        Verdict.COMPILE_ERROR: -1.0,
    }
)
"""Reward by verdict: the compiler signal (``docs/reference/contracts.md``). The values are those of CodeRL."""


class Rewards:
    """Rewards for completions of the given ``problems``. ``template`` is the reward model's prompt template;
    ``answered`` is the template of the prompts that were completed, by default the same."""

    def __init__(self, problems: Iterable[Problem], template: str, *, answered: str | None = None) -> None:
        self.template, self.answered = template, answered or template
        self.problems: Mapping[str, Problem] = {problem.id: problem for problem in problems}

    def program(self, problem_id: str, completion: str) -> str:
        """The whole program in a completion. Raises ``InputError`` if the problem is unknown."""
        if problem_id not in self.problems:
            raise InputError(f"problem_id: {problem_id!r} is not one of the {len(self.problems)} problems given")
        return extract_program(self.problems[problem_id], self.answered, completion)

    def of_verdicts(
        self, runner: ProgramRunner, items: Sequence[tuple[str, str]], signal: Mapping[Verdict, float] = SIGNAL
    ) -> list[float | None]:
        """The signal of the verdict for each (problem id, completion); None if the sandbox itself failed, which says
        nothing about the program. Raises ``InputError`` if a problem's tests are at fault: no completion of it could be
        rewarded."""
        executions = []
        for problem_id, completion in items:
            program, problem = self.program(problem_id, completion), self.problems[problem_id]
            executions.append(ExecutionRequest(program=program, tests=problem.tests, preamble=problem.preamble))
        results = list(runner.run(executions))
        for (problem_id, _), result in zip(items, results, strict=True):
            if result.test_error:
                raise faulty_tests(problem_id, result.test_error)
        return [None if result.verdict is None else signal[result.verdict] for result in results]

    def of_steps(self, scorer: StepScorer, items: Sequence[tuple[str, str]], *, mode: Mode, kind: str) -> list[float]:
        """The aggregate ``kind`` (one of ``AGGREGATES``) of the step probabilities for each (problem id, completion); 0
        if the program has no steps, does not parse or is longer than the model's context."""
        if kind not in AGGREGATES:
            raise InputError(f"aggregate: {kind!r} is invalid; use one of {', '.join(AGGREGATES)}")
        programs = [(problem_id, self.program(problem_id, completion)) for problem_id, completion in items]
        asked = [self.problems[problem_id] for problem_id in dict.fromkeys(problem_id for problem_id, _ in items)]
        found = ProgramScorer(scorer, asked, self.template, mode, scorer.tokenizer).programs(programs)
        return [aggregate(program)[kind] for program in found]
