"""What a spec alone tells about its stages: upper bounds where the model and the problems are not at hand. Pure.

The operator writes these into the status of a run when it first sees it. It mounts no volume and has no tokenizer. The
first stage's own process replaces them by the estimates of ``stages.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prlcoder.runs.estimates import tokens
from prlcoder.runs.estimates.stages import TEACHER_LIMIT, StageEstimate
from prlcoder.spec import PolicyTeacher, Spec, TrainingRun
from prlcoder.spec.servers import gpus, needed_servers, server_container

NO_MODEL: Final = "not known from the spec alone; the stage's process reads the model's config.json and the problems"
NO_PROBLEMS: Final = "not known before the problems are read"


def estimates_from_spec(run: TrainingRun, stages: Iterable[str]) -> list[StageEstimate]:
    """The estimates of ``stages``, in their order; None for each figure that the spec does not tell."""
    return [_estimate(run.spec, stage) for stage in stages]


def _estimate(spec: Spec, stage: str) -> StageEstimate:
    bound = _WRITTEN[stage](spec) if stage in _WRITTEN else 0.0
    how = {"memory": NO_MODEL, "tokens": _HOW_WRITTEN.get(stage, NO_MODEL), "disk": NO_MODEL, "time": NO_MODEL}
    if bound is None:
        how["tokens"] = NO_PROBLEMS
    elif not bound:
        how["tokens"] = f"tokens read: {NO_MODEL}"
    return StageEstimate(
        stage=stage,
        memory_mib=None,
        gpu_memory_mib=None,
        gpus=_requested(spec, stage),
        tokens_read=None,
        tokens_written=bound,
        disk_mib=None,
        cost=None,
        seconds=None,
        how=how,
    )


def _requested(spec: Spec, stage: str) -> str:
    """The GPUs of a stage's pods by their limits, those of its servers included."""
    pods = spec.stages.of(stage)
    servers = needed_servers(spec) if stage == "policy" else ()
    beside = sum(gpus(server_container(spec.stages, name).resources) for name in servers)
    count = gpus(pods.resources) * pods.nodes + beside
    return f"{count} requested" if count else "none requested"


def _sampled_by_teachers(spec: Spec) -> float | None:
    teachers = spec.supervision.teachers if spec.supervision is not None else ()
    samples = sum(one.samples for one in teachers if isinstance(one, PolicyTeacher))
    return _times(samples * TEACHER_LIMIT, _problems(spec, "train"))


def _sampled_by_policy(spec: Spec) -> float | None:
    policy = spec.policy
    if policy is None or not policy.learns_from_rollouts:
        return 0.0
    if policy.rl is not None:
        return float(tokens.rollouts(policy.rl) * policy.rl.max_new_tokens)
    return None


def _sampled_by_evaluation(spec: Spec) -> float | None:
    section, found = spec.evaluation, 0.0
    for one in section.benchmarks if section is not None else ():
        split = {"held-out": "test", "validation": "validation"}.get(one.source)
        known = None if split is None else _problems(spec, split)
        most = min((count for count in (known, one.limit) if count is not None), default=None)
        if most is None or section is None:
            return None
        found += most * (1 + one.samples) * tokens.policies_of(spec) * section.max_new_tokens
    return found


def _problems(spec: Spec, split: str) -> int | None:
    """The problems of a split where the spec says how many there are."""
    return int(getattr(spec.problems.nano, split)) if spec.problems.source == "nano" else None


def _times(factor: float, count: int | None) -> float | None:
    return 0.0 if not factor else None if count is None else factor * count


_WRITTEN: Final[Mapping[str, Callable[[Spec], float | None]]] = {
    "supervise": _sampled_by_teachers,
    "policy": _sampled_by_policy,
    "evaluate": _sampled_by_evaluation,
}
_HOW_WRITTEN: Final = {
    "supervise": "at most, written: samples x problems x the longest program",
    "policy": "at most, written: updates x problems x programs x policy.rl.maxNewTokens",
    "evaluate": "at most, written: problems x programs x policies x evaluation.maxNewTokens",
}
