"""One benchmark of one run: every policy's programs and their verdicts, the reward model's figures, the leak test.

Finished pieces are cached policy by policy, so that ``write`` resumes after a kill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from prlcoder.errors import InputError
from prlcoder.evaluation import leak
from prlcoder.evaluation.candidates import SampledProgram, Verdicts, execute, generate, rows, verdict_of
from prlcoder.evaluation.outcome_model import OutcomeFigures
from prlcoder.evaluation.own_step_labels import JudgedProgram
from prlcoder.evaluation.pass_metrics import gain, greedy_figures, sampled_figures
from prlcoder.evaluation.problem_sets import benchmark_problems
from prlcoder.evaluation.reward_model import (
    OUTCOME,
    as_segment,
    held_out_steps,
    own_steps,
    reranked,
    step_figures,
    step_scores,
    whole,
)
from prlcoder.evaluation.stage_cache import StageCache
from prlcoder.evaluation.step_scores import ProgramScorer
from prlcoder.evaluation.step_view import PROBLEMS_PER_SPLIT, canonical_rows, spread, stored_steps, written_rows
from prlcoder.evaluation.text_classifier import TextClassifier
from prlcoder.executor import ProgramRunner, ResourceLimits
from prlcoder.files import atomic_output, dump, write_json
from prlcoder.modeling.reward_record import require_kind
from prlcoder.prm.protocol import StepScorer
from prlcoder.problems.model import digest
from prlcoder.problems.prompts import PromptTemplate, template_digest
from prlcoder.spec import Benchmark, Evaluation, Services, Supervision
from prlcoder.stages.context import StageContext
from prlcoder.stages.models import open_engine, open_scorer
from prlcoder.supervision import Step, labelled_steps

MAX_LABELLED_PROBLEMS = 100  # held-out problems whose steps are labelled to measure the reward model
SPLIT_NAMES = {"held-out": "test"}  # the split that the step viewer names for a benchmark, if not the benchmark itself


def policy_models(context: StageContext) -> dict[str, str]:
    """The model folder of every policy of the run, by name: the base, the trained policies and the controls."""
    models = {"base": context.base_model()}
    for stage in ("sft", "policy"):
        if stage in context.artifacts:
            models[stage] = str(context.artifacts[stage])
    if "policy" in context.artifacts:
        controls = sorted((context.artifacts["policy"] / "controls").glob("*/prompt_template.json"))
        models.update({path.parent.name: str(path.parent) for path in controls})
    return models


@dataclass(frozen=True)
class _JudgedPolicy:
    """The programs of one policy for the benchmark, each with its verdict."""

    judged: list[tuple[SampledProgram, str]]

    @property
    def greedy(self) -> list[tuple[SampledProgram, str]]:
        """The greedy program of each problem, in the benchmark's order."""
        return [(candidate, verdict) for candidate, verdict in self.judged if candidate.temperature == 0]

    @property
    def samples(self) -> list[list[tuple[SampledProgram, str]]]:
        """The sampled programs, problem by problem in the benchmark's order; empty if none were drawn."""
        groups: dict[str, list[tuple[SampledProgram, str]]] = {}
        for candidate, verdict in self.judged:
            if candidate.temperature > 0:
                groups.setdefault(candidate.problem_id, []).append((candidate, verdict))
        return list(groups.values())

    @property
    def likelihoods(self) -> list[list[float]] | None:
        """Mean token log-probabilities of ``samples``; None if the engine did not tell any. An empty completion has
        none and comes last."""
        found = [[one.mean_log_probability for one, _ in group] for group in self.samples]
        if all(value is None for group in found for value in group):
            return None
        return [[-math.inf if value is None else value for value in group] for group in found]

    @property
    def one_each(self) -> list[tuple[SampledProgram, str]]:
        """One program per problem: the first sample, or the greedy program if no samples were drawn."""
        return [group[0] for group in self.samples] or self.greedy


def _passed(judged: Sequence[tuple[SampledProgram, str]]) -> list[bool]:
    return [verdict == "passed" for _, verdict in judged]


class BenchmarkRun:
    """One benchmark of one run."""

    def __init__(self, context: StageContext, settings: Evaluation, plan: Benchmark, executor: ProgramRunner) -> None:
        self._context, self._settings, self._plan, self._executor = context, settings, plan, executor
        self._problems = benchmark_problems(plan, context)
        self._by_id = {problem.id: problem for problem in self._problems}
        self._cache = StageCache(context.work / plan.title)
        self._verdicts: Verdicts = {}
        self._scorer, self._outcome = self._load_scorers()

    def write(self, output: Path) -> dict[str, Any]:
        """Write all files of the benchmark and return its summary."""
        self._check_same_problems()
        for k in self._plan.k:
            if 0 < self._plan.samples < k:
                print(f"{self._plan.title}: pass@{k} is left out: there are {self._plan.samples} samples")
        policies = {name: self._policy(name, model) for name, model in policy_models(self._context).items()}
        summary: dict[str, Any] = {
            "benchmark": self._plan.title,
            "problems": {"source": self._plan.source, "n": len(self._problems), "digest": self._digest},
            "policies": {name: self._figures(name, policy, policies["base"]) for name, policy in policies.items()},
            "reward_model": {},
            "template": {"name": self._template.name, "digest": self._template_digest()},
        }
        supervised = "supervise" in self._context.artifacts
        scored = self._scorer is not None or self._outcome is not None
        steps = self._labelled() if supervised or scored else []
        if scored:
            summary["reward_model"] = {**self._step_figures(policies, steps), **self._outcome_figures(policies, steps)}
        if supervised and steps:
            summary["leak"] = self._cache.load_or_compute("leak", "leak", lambda: self._leak(steps))
        view = [*self._training_view(), *self._held_out_view(policies, steps)]
        write_json(output / "summary.json", {**summary, "timings_s": self._cache.seconds})
        self._write_samples(output / "samples.jsonl", policies)
        with atomic_output(output / "steps.jsonl") as file:
            file.writelines(dump(row) + "\n" for row in view)
        return summary

    def _check_same_problems(self) -> None:
        """Refuse to resume on other problems than those that are cached: a published benchmark's file may have
        changed."""
        before = self._cache.load_or_compute("problems", "read", lambda: self._digest)
        if before != self._digest:
            what = f"benchmark {self._plan.title}: the problems are not those that this evaluation began with"
            raise InputError(f"{what}; restore {self._plan.path}, or start again with --from-stage evaluate")

    @property
    def _digest(self) -> str:
        return digest([problem.id for problem in self._problems])

    @property
    def _template(self) -> PromptTemplate:
        return self._context.template

    def _template_digest(self) -> str:
        """The digest of what was rendered; the tokenizers of all policies have the base's chat template."""
        if self._template.name != "chat":
            return template_digest(self._template)
        from prlcoder.modeling.tokenizer_loading import load_tokenizer

        return template_digest(self._template, load_tokenizer(self._context.base_model()))

    def _load_scorers(self) -> tuple[ProgramScorer | None, ProgramScorer | None]:
        """The process and the outcome reward model, where there is one."""
        spec, own, other = self._context.spec, None, None
        kind = spec.reward.kind if spec.reward is not None else "prm"
        if "reward" in self._context.artifacts:
            path = str(self._context.artifacts["reward"])
            require_kind(path, kind, "spec.reward.kind")
            own = self._program_scorer(open_scorer(spec.services, path))
        if self._settings.outcome_model is not None:
            require_kind(self._settings.outcome_model, "orm", "spec.evaluation.outcomeModel")
            # The service has one model, which is the run's own, so this one is loaded here.
            other = self._program_scorer(open_scorer(Services(), self._settings.outcome_model))
        return (own, other) if kind == "prm" else (None, own)

    def _program_scorer(self, scorer: StepScorer) -> ProgramScorer:
        problems = {problem.id: problem for problem in (*self._context.train, *self._problems)}
        return ProgramScorer(
            scorer, problems.values(), self._template, self._context.spec.segmentation, scorer.tokenizer
        )

    def _policy(self, name: str, model: str) -> _JudgedPolicy:
        """Generate and judge. Both results are cached separately, so that a kill between them repeats neither."""

        def write() -> list[dict[str, Any]]:
            settings = self._settings
            engine = open_engine(
                self._context.spec.services,
                model,
                batch_size=settings.batch_size,
                max_new_tokens=settings.max_new_tokens,
            )
            seed = self._context.spec.seed
            written = generate(engine, self._problems, self._template, self._plan, seed, settings.stop)
            return [asdict(one) for one in written]

        def judge() -> list[list[str]]:
            found = execute(candidates, self._by_id, self._executor, self._verdicts)
            return [[*key, verdict] for key, verdict in found.items()]

        print(f"{self._plan.title}: {name}")
        candidates = [
            SampledProgram(**row) for row in self._cache.load_or_compute(f"{name}.candidates", "generate", write)
        ]
        judged = self._cache.load_or_compute(f"{name}.verdicts", "execute", judge)
        self._verdicts.update({(id, program): verdict for id, program, verdict in judged})
        return _JudgedPolicy([(candidate, verdict_of(candidate, self._verdicts)) for candidate in candidates])

    def _figures(self, name: str, policy: _JudgedPolicy, base: _JudgedPolicy) -> dict[str, Any]:
        """One policy's entry in the summary."""
        difficulties = [problem.difficulty for problem in self._problems]
        figures = greedy_figures(_passed(policy.greedy), difficulties)
        if self._plan.samples:
            sampled = sampled_figures([_passed(group) for group in policy.samples], self._plan.k)
            figures["sampled"] = {"temperature": self._plan.temperature, **sampled}
            if (self._scorer is not None or self._outcome is not None) and self._settings.best_of_n:
                figures["best_of_n"] = self._cache.load_or_compute(
                    f"{name}.best_of_n", "score", lambda: self._rerank(policy)
                )
        if reasoned := sum(candidate.reasoned for candidate, _ in policy.judged):
            figures["with_reasoning"] = reasoned
        if name != "base":
            figures["vs_base"] = gain(_passed(policy.greedy), _passed(base.greedy))
        return figures

    def _rerank(self, policy: _JudgedPolicy) -> dict[str, Any]:
        """Best of n by every score of a program that this run has."""
        samples = policy.samples
        programs = [(one.problem_id, one.program) for group in samples for one, _ in group]
        scores: dict[str, list[list[float]]] = {}
        if self._scorer is not None:
            scored = iter(self._scorer.programs(programs))
            scores |= step_scores([[next(scored) for _ in group] for group in samples])
        if self._outcome is not None:
            chances = iter(self._outcome.outcomes(programs))
            scores[OUTCOME] = [[next(chances) for _ in group] for group in samples]
        return reranked([_passed(group) for group in samples], scores, policy.likelihoods)

    def _labelled(self) -> list[Step]:
        """Labelled steps of problems that no training has seen."""
        problems = spread([problem for problem in self._problems if problem.solutions], MAX_LABELLED_PROBLEMS)
        settings = self._context.spec.execution
        limits = ResourceLimits(cpu_s=settings.cpu_limit, wall_s=settings.wall_limit, memory_mib=settings.memory_limit)
        supervision = self._context.spec.supervision or Supervision()
        names = [field.name for field in fields(Step) if field.init]

        def label() -> list[dict[str, Any]]:
            found = labelled_steps(
                problems,
                mode=self._context.spec.segmentation,
                seed=self._context.spec.seed,
                executor=self._executor,
                limits=limits,
                labels=supervision.labels,
            )
            return [{name: getattr(step, name) for name in names} for step in found]

        return [Step(**row) for row in self._cache.load_or_compute("labelled_steps", "label", label)]

    def _outcome_figures(self, policies: Mapping[str, _JudgedPolicy], steps: Sequence[Step]) -> dict[str, Any]:
        """The outcome reward model's figures on labelled programs and on each policy's own; empty without one."""
        if self._outcome is None:
            return {}
        judged = {
            name: [(one.problem_id, one.program, verdict == "passed") for one, verdict in policy.one_each]
            for name, policy in policies.items()
        }
        return OutcomeFigures(self._outcome, self._cache).of(steps, judged)

    def _step_figures(self, policies: Mapping[str, _JudgedPolicy], steps: Sequence[Step]) -> dict[str, Any]:
        """The process reward model's figures on labelled steps and on each policy's own; empty without one."""
        scorer = self._scorer
        if scorer is None:
            return {}

        def held_out() -> dict[str, Any]:
            items = [(step.problem_id, whole(step), as_segment(step)) for step in steps]
            return step_figures(held_out_steps(steps, scorer.steps(items)), self._baseline)

        def own(policy: _JudgedPolicy) -> dict[str, Any]:
            chosen = [one for one in policy.one_each if self._by_id[one[0].problem_id].solutions]
            written = [
                JudgedProgram(self._by_id[one.problem_id], one.program, verdict == "passed") for one, verdict in chosen
            ]
            scored = scorer.programs([(one.problem_id, one.program) for one, _ in chosen])
            judged = own_steps(written, scored, self._context.spec.segmentation, self._executor)
            return step_figures(judged, self._baseline)

        policies_steps = {
            name: self._cache.load_or_compute(f"{name}.own_steps", "score", partial(own, policy))
            for name, policy in policies.items()
        }
        return {
            "held_out_steps": self._cache.load_or_compute("held_out_steps", "score", held_out),
            "own_steps": policies_steps,
        }

    @cached_property
    def _baseline(self) -> TextClassifier | None:
        """The text-only baseline, trained on the supervision's steps of other problems than the benchmark's; None
        without a supervision or without labelled steps in it."""
        from prlcoder.supervision.store import read_rows

        if "supervise" not in self._context.artifacts:
            return None
        stored = read_rows(self._context.artifacts["supervise"], "steps", leak.COLUMNS)
        train = list(leak.labelled_texts(row for row in stored if row["problem_id"] not in self._by_id))
        return leak.classifier(train) if train else None

    def _leak(self, steps: Sequence[Step]) -> dict[str, Any] | None:
        """The leak test on the same labelled steps as the reward model; None if there is nothing to train it on."""
        if self._baseline is None:
            return None
        return leak.figures([leak.scored(self._baseline, list(leak.labelled_texts(map(asdict, steps))))])

    def _training_view(self) -> list[dict[str, Any]]:
        """Training problems with the labelled variants of their steps."""
        if "supervise" not in self._context.artifacts:
            return []
        problems = spread([problem for problem in self._context.train if problem.solutions], PROBLEMS_PER_SPLIT)
        steps = stored_steps(self._context.artifacts["supervise"], [problem.id for problem in problems])
        return canonical_rows(problems, "train", steps, self._context.spec.segmentation, self._scorer)

    def _held_out_view(self, policies: Mapping[str, _JudgedPolicy], steps: Sequence[Step]) -> list[dict[str, Any]]:
        """Held-out problems: the canonical solution, if there is one, and every policy's greedy program."""
        mode, split = self._context.spec.segmentation, SPLIT_NAMES.get(self._plan.title, self._plan.title)
        problems = spread(self._problems, PROBLEMS_PER_SPLIT)
        solved = [problem for problem in problems if problem.solutions]
        view = canonical_rows(solved, split, steps, mode, self._scorer)
        shown = {problem.id for problem in problems}
        for name, policy in policies.items():
            programs = [
                (self._by_id[candidate.problem_id], candidate.program, verdict)
                for candidate, verdict in policy.greedy
                if candidate.problem_id in shown
            ]
            view += written_rows(programs, split, name, mode, self._scorer)
        return view

    def _write_samples(self, path: Path, policies: Mapping[str, _JudgedPolicy]) -> None:
        with atomic_output(path) as file:
            for name, policy in policies.items():
                for row in rows(name, policy.judged, self._by_id):
                    file.write(dump(row) + "\n")
