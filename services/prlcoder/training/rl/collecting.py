"""Collects the rollouts of an update: samples programs, executes them, and has their steps scored.

Programs are executed while others are still being sampled, and scored, too, if the engine samples outside of this
process. A rollout that cannot be learnt from is dropped and counted by its reason. It never gets a reward of 0 in place
of the reward that it would have had.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from prlcoder.errors import WorkError
from prlcoder.executor import ExecutionRequest, ExecutionResult, ProgramRunner
from prlcoder.lru_cache import LruCache
from prlcoder.modeling.spans import encode
from prlcoder.policy.sampling import Piece, Sampling, Unread
from prlcoder.problems.completions import extract_program
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import Prompt, PromptTemplate, render
from prlcoder.segmenter import BatchSegmenter, Mode, Segment, SegmentationError
from prlcoder.supervision.first_wrong_by_rollout import PrefixCompleter
from prlcoder.training.credit import CREDIT_RULES
from prlcoder.training.rl.curriculum import Curriculum
from prlcoder.training.rl.early_scores import EarlyScores
from prlcoder.training.rl.locating import StepLocator
from prlcoder.training.rl.ranks import Ranks
from prlcoder.training.rl.schedule import completion_seed, problem_numbers
from prlcoder.training.rl.scoring import ProgramKey, ProgramScore, RolloutScorer, StepProbabilities
from prlcoder.training.rollouts import Rollout, RolloutOutcome, SampledCompletion, place_programs

if TYPE_CHECKING:
    from prlcoder.spec import Rl
    from prlcoder.training.rl.engines import RolloutEngine

KNOWN_RESULTS: Final = 20_000  # programs whose result is kept; a policy often writes a program again
PROMPT_TOO_LONG: Final = "prompt_too_long"
OVER_LENGTH: Final = "over_length"
OVER_REWARD_MODEL_LENGTH: Final = "over_reward_model_length"


@dataclass(frozen=True)
class RolloutTask:
    """A problem to write programs for, and its prompt for the policy."""

    problem: Problem
    prompt: Prompt
    prompt_ids: tuple[int, ...]

    @classmethod
    def of(cls, problem: Problem, prompt: Prompt, tokenizer: Any) -> RolloutTask:
        """The task with its prompt as the engine tokenises it."""
        return cls(problem, prompt, tuple(encode(tokenizer, prompt.question).ids))

    def begun(self, problem: Problem, template: PromptTemplate, tokenizer: Any) -> RolloutTask:
        """The task for the same problem with more given code, rendered anew."""
        return self if problem is self.problem else self.of(problem, render(problem, template, tokenizer), tokenizer)


@dataclass
class Collection:
    """The rollouts of one update, in the order of problems and samples, and what was left out."""

    rollouts: list[Rollout] = field(default_factory=list)
    sampled: int = 0
    dropped: Counter[str] = field(default_factory=Counter)  # by reason
    seconds: dict[str, float] = field(default_factory=dict)  # by part: rollout, verdicts, scores

    def __add__(self, other: Collection) -> Collection:
        """The rollouts of both; the parts take the time of the slower one."""
        parts = {**self.seconds, **other.seconds}
        return Collection(
            [*self.rollouts, *other.rollouts],
            self.sampled + other.sampled,
            self.dropped + other.dropped,
            {name: max(self.seconds.get(name, 0.0), other.seconds.get(name, 0.0)) for name in parts},
        )


@dataclass(frozen=True)
class _Written:
    """A completion, and the program that was read from it."""

    task: RolloutTask
    piece: Piece
    program: str
    weights_version: int

    @property
    def key(self) -> ProgramKey:
        return self.task.problem.id, self.program


@dataclass(frozen=True)
class RolloutCollector:
    """Everything that a rollout needs. ``tasks`` are those of training."""

    engine: RolloutEngine
    executor: ProgramRunner
    segmenter: BatchSegmenter
    scorer: RolloutScorer | None
    tasks: Sequence[RolloutTask]
    template: PromptTemplate
    mode: Mode
    settings: Rl
    stop: tuple[str, ...]
    seed: int
    max_length: int
    curriculum: Curriculum | None = None
    ranks: Ranks = field(default_factory=Ranks)
    known: LruCache[ProgramKey, ExecutionResult] = field(default_factory=lambda: LruCache(KNOWN_RESULTS))

    def collect(self, update: int, version: int) -> Collection:
        """The rollouts of an update by the policy's present weights, which have had ``version`` updates.

        ``WorkError`` if no rollout is left, or if the reward model's scores are not finite.
        """
        numbers = problem_numbers(len(self.tasks), self.settings.prompts, seed=self.seed, update=update)
        share = self.ranks.share(len(numbers))
        own = Collection(sampled=len(share) * self.settings.samples)
        if (handing_over_s := self.engine.use(version)) > 0:
            own.seconds["weights"] = handing_over_s
        if share:
            self._collect_share(own, [numbers[place] for place in share], share.start, update)
        found = sum(self.ranks.gathered([own]), start=Collection())
        if not found.rollouts:
            reasons = ", ".join(f"{count} {reason}" for reason, count in found.dropped.items())
            raise WorkError(f"policy: update {update}: no rollout of {found.sampled} is left ({reasons})")
        return found

    def _collect_share(self, found: Collection, numbers: Sequence[int], first: int, update: int) -> None:
        """Collect the rollouts of some of the update's problems, the first of which is its ``first``-th."""
        tasks = [self._present(self.tasks[number]) for number in numbers]
        with self._early_scores() as early:
            completions = self._write(found, tasks, update * self.settings.prompts + first)
            written, results = self._execute(found, completions, early)
            kept = self._with_verdict(found, written, results)
            rollouts = self._rollouts(kept, results, first)
            located = self._with_first_wrong_steps(found, rollouts, update)
            found.rollouts = self._with_scores(found, located, early)

    def _early_scores(self) -> AbstractContextManager[EarlyScores | None]:
        """What scores programs during the sampling, if the engine leaves this process the time for it."""
        if self.scorer is None or not self.engine.elsewhere:
            return nullcontext()
        return EarlyScores(lambda keys: self._scores(dict(zip(keys, self._segments(keys), strict=True))))

    def _present(self, task: RolloutTask) -> RolloutTask:
        """The task as the curriculum gives it now."""
        if self.curriculum is None:
            return task
        return task.begun(self.curriculum.problem(task.problem), self.template, self.engine.tokenizer)

    def _write(self, found: Collection, tasks: Sequence[RolloutTask], first_prompt: int) -> Iterator[_Written]:
        """The finished completions, in the order in which they end. ``first_prompt`` is the number of the first task
        among those of all updates, so that every one draws other numbers."""
        rl = self.settings
        sampling = Sampling(
            samples=rl.samples,
            temperature=rl.temperature,
            top_p=rl.top_p,
            max_tokens=rl.max_new_tokens,
            stop=self.stop,
            seed=self.seed,
            first_prompt=first_prompt,
            log_probabilities=True,
            at_temperature=True,
            whole=True,
        )
        found.seconds["rollout"] = 0.0
        events = self.engine.stream([task.prompt.question for task in tasks], sampling)
        while True:
            started = time.perf_counter()
            event = next(events, None)
            found.seconds["rollout"] += time.perf_counter() - started
            if event is None:
                return
            piece = event.event
            if isinstance(piece, Unread):
                found.dropped[PROMPT_TOO_LONG] += rl.samples
                continue
            task = tasks[piece.prompt]
            program = extract_program(task.problem, self.template, piece.text, held=task.prompt.held)
            yield _Written(task, piece, program, event.weights_version)

    def _execute(
        self, found: Collection, completions: Iterator[_Written], early: EarlyScores | None
    ) -> tuple[list[_Written], dict[ProgramKey, ExecutionResult]]:
        """All completions in the order of problems and samples, and the result of each distinct program."""
        written: list[_Written] = []
        results: dict[ProgramKey, ExecutionResult] = {}
        asked: dict[ProgramKey, None] = {}  # a set in order
        all_tests = any(term.kind == "verdict" and term.adaptive for term in self.settings.rewards)

        def requests() -> Iterator[ExecutionRequest]:
            for one in completions:
                written.append(one)
                if early is not None:
                    early.add(one.key)
                if (known := self.known.get(one.key)) is not None:
                    results[one.key] = known
                elif one.key not in asked:
                    asked[one.key] = None
                    problem = one.task.problem
                    yield ExecutionRequest(
                        one.program,
                        problem.tests,
                        problem.preamble,
                        all_tests=all_tests,
                        trace_lines=self.settings.traces_lines,
                    )

        started = time.perf_counter()
        found_results = list(self.executor.run(requests()))
        found.seconds["verdicts"] = time.perf_counter() - started - found.seconds["rollout"]
        for key, result in zip(asked, found_results, strict=True):
            results[key] = result
            if result.verdict is not None:
                self.known.put(key, result)
        return sorted(written, key=lambda one: (one.piece.prompt, one.piece.sample)), results

    def _with_verdict(
        self, found: Collection, written: Sequence[_Written], results: dict[ProgramKey, ExecutionResult]
    ) -> list[_Written]:
        """The completions that can be trained on; the others are counted by their reason."""
        kept = []
        for one in written:
            if results[one.key].verdict is None:
                found.dropped[results[one.key].outcome] += 1
            elif len(one.task.prompt_ids) + len(one.piece.ids) > self.max_length:
                found.dropped[OVER_LENGTH] += 1
            else:
                kept.append(one)
        return kept

    def _rollouts(
        self, written: Sequence[_Written], results: dict[ProgramKey, ExecutionResult], first: int
    ) -> list[Rollout]:
        """The rollouts without scores. ``first`` is the number of the first group."""
        distinct = list(dict.fromkeys(one.key for one in written))
        segments = dict(zip(distinct, self._segments(distinct), strict=True))
        samples = [_sample(one, segments[one.key]) for one in written]
        placements = place_programs(self.engine.tokenizer, samples)
        return [
            Rollout(
                problem_id=one.task.problem.id,
                group=first + one.piece.prompt,
                prompt_ids=sample.prompt_ids,
                completion_ids=sample.completion_ids,
                finished=one.piece.finish == "stop",
                sampling_logps=one.piece.log_probabilities,
                weights_version=one.weights_version,
                program=one.program,
                segments=sample.segments,
                segment_ends=placement.segment_ends,
                outcome=RolloutOutcome.of(results[one.key]),
                token_lines=placement.token_lines,
            )
            for one, sample, placement in zip(written, samples, placements, strict=True)
        ]

    def _with_first_wrong_steps(self, found: Collection, rollouts: list[Rollout], update: int) -> list[Rollout]:
        """The rollouts with the first wrong step of the failing ones, if the credit rule asks the execution for it. A
        rollout in whose search the sandbox fails is dropped."""
        credit = self.settings.credit
        if not CREDIT_RULES[credit.rule].needs_first_wrong_step or credit.by != "execution":
            return rollouts
        started = time.perf_counter()
        kept = []
        seed = completion_seed(seed=self.seed, update=update)
        for one, wrong in zip(rollouts, self.locator.locate(rollouts, seed=seed), strict=True):
            if isinstance(wrong, ExecutionResult):
                found.dropped[wrong.outcome] += 1
            else:
                kept.append(one if wrong is None else replace(one, first_wrong_step=wrong.index))
        found.seconds["verdicts"] += time.perf_counter() - started
        return kept

    @cached_property
    def locator(self) -> StepLocator:
        """Finds first wrong steps as ``settings.credit.locate`` says."""
        complete = None
        if self.settings.credit.locate == "rollout":
            complete = PrefixCompleter(
                self.engine,
                {task.problem.id: task.prompt for task in self.tasks},
                self.template,
                self.stop,
                self.settings.credit.rollouts,
                self.settings.temperature,
            )
        problems = {task.problem.id: task.problem for task in self.tasks}
        return StepLocator(problems, self.segmenter, self.mode, self.executor, complete)

    def _with_scores(self, found: Collection, rollouts: Sequence[Rollout], early: EarlyScores | None) -> list[Rollout]:
        """The rollouts with the scores of their steps, or of their programs by an outcome reward model. Without a
        reward model they stay as they are."""
        if self.scorer is None:
            return list(rollouts)
        started = time.perf_counter()
        scores = {} if early is None else early.all()
        left = {(one.problem_id, one.program): one.segments for one in rollouts}
        if left := {key: segments for key, segments in left.items() if key not in scores}:
            scores |= self._scores(left)
        scored = [(one, scores[one.problem_id, one.program]) for one in rollouts]
        kept = [_with_score(one, own) for one, own in scored if own is not None]
        if len(kept) < len(rollouts):
            found.dropped[OVER_REWARD_MODEL_LENGTH] += len(rollouts) - len(kept)
        found.seconds["scores"] = time.perf_counter() - started
        return kept

    def _scores(self, programs: Mapping[ProgramKey, Sequence[Segment]]) -> dict[ProgramKey, ProgramScore]:
        """The score of each program, or those of its steps."""
        assert self.scorer is not None
        if self.settings.scores_programs:
            return dict(self.scorer.score_programs(list(programs)))
        return dict(self.scorer.score(programs))

    def _segments(self, keys: Sequence[ProgramKey]) -> list[tuple[Segment, ...]]:
        """The segments of each program; none if it cannot be segmented."""
        cut = self.segmenter([program for _, program in keys], self.mode)
        return [() if isinstance(parts, SegmentationError) else tuple(parts) for parts in cut]


def _sample(one: _Written, segments: tuple[Segment, ...]) -> SampledCompletion:
    return SampledCompletion(one.task.prompt, one.task.prompt_ids, one.piece.ids, one.piece.text, one.program, segments)


def _with_score(rollout: Rollout, score: StepProbabilities | float) -> Rollout:
    """The rollout with the score of its program, or with those of its steps."""
    if isinstance(score, float):
        return replace(rollout, outcome_score=score)
    return replace(rollout, step_scores=score)


def has_tests(problem: Problem) -> bool:
    """Whether the problem has at least one test."""
    tests: Any = problem.tests
    return bool(tests.source.strip() if hasattr(tests, "source") else tests.cases)
