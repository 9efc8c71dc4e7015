"""The estimates of a run's stages from its spec, its model's shape and its problem set's size. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from prlcoder.runs.estimates import memory, tokens
from prlcoder.runs.estimates.hardware import Hardware, hardware_of
from prlcoder.runs.estimates.shapes import FLOAT32_BYTES, ModelShape, ProblemSize
from prlcoder.runs.estimates.tokens import TokenCount
from prlcoder.spec import LlmTeacher, Pretrain, Reward, Spec, Supervision, Training, TrainingRun

MAX_CHECKPOINTS: Final = 2  # that a training keeps
SAMPLING_ROWS: Final = 256  # programs that reinforcement learning samples together
TEACHER_ROWS: Final = 128  # programs that the policy teacher samples together
TEACHER_LIMIT: Final = 512  # tokens of a program of the policy teacher
LONGEST_SHARE: Final = 1.5  # of the mean length: about what the longest example of a batch has
STEP_ROW_BYTES: Final = 110  # of a labelled step in Parquet, pairs included: 848 KiB for 7,563 steps of the quickstart
SAMPLE_ROW_BYTES: Final = (
    320  # of a row of samples.jsonl, steps.jsonl included: 4.2 MB for 13,500 rows of the quickstart
)
ROWS_HOW: Final = "the rows of the result, with the quickstart's bytes per row"
EXECUTION_S: Final = 3.4e-3  # per program: the quickstart's supervision, 2 idle cores
MIB: Final = 2**20


@dataclass(frozen=True)
class StageEstimate:
    """What a stage will need. None where nothing is known; ``how`` says per figure how it was obtained."""

    stage: str
    memory_mib: float | None
    gpu_memory_mib: float | None
    gpus: str
    tokens_read: float | None
    tokens_written: float | None
    disk_mib: float | None
    cost: float | None
    seconds: float | None
    how: dict[str, str]


@dataclass(frozen=True)
class RunFacts:
    """What an estimate knows besides the spec."""

    shape: ModelShape
    size: ProblemSize
    benchmarks: tuple[int, ...]  # problems of each
    ends_itself: bool  # whether the base was trained to end a program where a canonical solution ends
    value_bytes: int  # of a weight in the base's files
    reward_shape: ModelShape | None = None  # if the reward model has another backbone
    supervision: Supervision | None = None  # as it was built, if the spec takes a finished one


@dataclass(frozen=True)
class Work:
    """What takes a stage's time: tokens x weights by kind of pass, and programs that are executed."""

    trained: float = 0.0  # forward and backward
    forward: float = 0.0
    sampled: float = 0.0
    executions: float = 0.0

    def seconds(self, hardware: Hardware) -> float | None:
        """The time on ``hardware``; None if its speed is not known. Two operations per weight and token forward, and
        four backward."""
        if hardware.training_flops is None or hardware.sampling_flops is None:
            return None
        computed = (6 * self.trained + 2 * self.forward) / hardware.training_flops
        return computed + 2 * self.sampled / hardware.sampling_flops + self.executions * EXECUTION_S


@dataclass(frozen=True)
class _Need:
    """Bytes on the device, tokens, and what is on disk."""

    device: int
    count: TokenCount
    disk: float
    how: str
    cost: float | None = None
    loaded: int = 0  # bytes of the weights' file, whose pages stay in the process's memory
    cost_how: str = ""
    disk_how: str = "at most two checkpoints with AdamW's moments, and the published weights"
    work: Work = field(default_factory=Work)


def estimates(run: TrainingRun, facts: RunFacts, stages: Iterable[str]) -> list[StageEstimate]:
    """The estimates of ``stages``, in their order."""
    found = []
    for stage in stages:
        need = _NEEDS[stage](run.spec, facts)
        if need.device and stage != "pretrain":
            need = replace(need, loaded=facts.shape.parameters * facts.value_bytes)
        if need.count.written and not facts.ends_itself:
            how = f"{need.count.how}, which is counted at its limit: an upper bound"
            need = replace(need, count=replace(need.count, how=how))
        hardware = hardware_of(run.spec.stages.of(stage))
        found.append(_estimate(stage, need, hardware))
    return found


def _estimate(stage: str, need: _Need, hardware: Hardware) -> StageEstimate:
    on_gpu = hardware.gpus > 0
    host = memory.LIBRARY_BYTES + need.loaded + (0 if on_gpu else need.device)
    gpu = need.device + memory.GPU_CONTEXT_BYTES
    return StageEstimate(
        stage=stage,
        memory_mib=host / MIB,
        gpu_memory_mib=gpu / MIB if on_gpu else None,
        gpus=f"{hardware.gpus} of {memory.fitting_gpu(gpu)}" if on_gpu else memory.fitting_gpu(gpu),
        tokens_read=need.count.read,
        tokens_written=need.count.written,
        disk_mib=need.disk / MIB,
        cost=need.cost,
        seconds=need.work.seconds(hardware),
        how={
            "memory": f"libraries (measured), pages of the weights' file, and {need.how}",
            "tokens": need.count.how,
            "disk": need.disk_how,
            "time": hardware.how,
            "cost": need.cost_how,
        },
    )


def _training(
    spec: Spec, shape: ModelShape, section: Training, count: TokenCount, batch_tokens: float, *, head: bool = True
) -> _Need:
    """A training of one model, whose forward passes have ``batch_tokens`` tokens."""
    rank = None if spec.model.peft is None else spec.model.peft.rank
    weights = memory.trained_weights(shape, rank=rank, frozen_bytes=_frozen_bytes(spec), head=head)
    device = memory.training_bytes(
        weights, shape, batch_tokens, bf16=section.bf16, recompute=section.gradient_checkpointing, head=head
    )
    kept = memory.checkpoints(count.steps, section.save_steps, MAX_CHECKPOINTS)
    disk = kept * (weights.in_checkpoint) + weights.published
    how = f"{weights.trained / 1e6:,.1f} M trained weights x 16 bytes, activations of {batch_tokens:,.0f} tokens"
    work = Work(trained=(count.read or 0) * shape.parameters)
    return _Need(device, count, disk, how, work=work)


def _frozen_bytes(spec: Spec) -> int:
    return 2 if spec.model.dtype in ("bfloat16", "float16") else FLOAT32_BYTES


def _pretrain(spec: Spec, facts: RunFacts) -> _Need:
    section = spec.pretrain or Pretrain()
    nano = spec.problems.source == "nano"
    count = tokens.pretraining(section, facts.size, nano=nano)
    length = facts.size.stream if nano else facts.size.program
    return _training(spec, facts.shape, section, count, section.batch_size * length * LONGEST_SHARE)


def _supervise(spec: Spec, facts: RunFacts) -> _Need:
    section = spec.supervision or Supervision()
    length = _length(spec, facts, TEACHER_LIMIT)
    count = tokens.supervising(section, facts.size, length)
    device, how = 0, "nothing else"
    if count.written:
        device, how = (
            _sampling(facts, TEACHER_ROWS, length),
            f"the policy, and keys and values of {TEACHER_ROWS} programs",
        )
    teachers = [tokens.asked(one, facts.size) for one in section.teachers if isinstance(one, LlmTeacher)]
    cost = sum(one.cost or 0 for one in teachers) if any(one.cost is not None for one in teachers) else None
    disk = facts.size.solved * tokens.labelled_variants(section, facts.size) * STEP_ROW_BYTES
    programs = facts.size.solved * (1 + tokens.labelled_variants(section, facts.size)) + count.written / length
    asked = "; ".join(
        f"{one.requests:,.0f} requests of {one.prompt:,.0f} tokens, answers of {one.completion:,.0f} without thinking"
        for one in teachers
    )
    work = Work(sampled=count.written * facts.shape.parameters, executions=programs)
    return _Need(device, count, disk, how, cost, cost_how=asked, disk_how=ROWS_HOW, work=work)


def _sft(spec: Spec, facts: RunFacts) -> _Need:
    section = spec.sft
    assert section is not None
    size, rows = facts.size, section.batch_size * section.gradient_accumulation
    count = tokens.fine_tuning(size.solved, size.program, section.epochs, rows, "the problems were tokenised")
    return _training(spec, facts.shape, section, count, section.batch_size * size.program * LONGEST_SHARE)


def _reward(spec: Spec, facts: RunFacts) -> _Need:
    section = spec.reward or Reward()
    shape = facts.reward_shape or facts.shape
    epoch = tokens.reward_tokens(facts.supervision or spec.supervision or Supervision(), facts.size)
    count = TokenCount(epoch * section.epochs, 0, epoch / section.batch_tokens * section.epochs, _REWARD_HOW)
    need = _training(spec, shape, section, count, section.batch_tokens, head=False)
    best = FLOAT32_BYTES * shape.parameters if section.keep_best else 0
    return replace(need, disk=need.disk + best)


_REWARD_HOW: Final = "a program and its variants share their prefixes; the number of variants is the quickstart's yield"


def _policy(spec: Spec, facts: RunFacts) -> _Need:
    assert spec.policy is not None
    if spec.policy.rl is not None:
        return _reinforcement(spec, facts)
    section, dpo = facts.supervision or spec.supervision or Supervision(), spec.policy.dpo
    batch = spec.policy.batch_tokens or spec.policy.batch_size * (facts.size.prefix + 2 * facts.size.segment)
    if dpo is None or dpo.rounds == 1:
        count = tokens.preference_tokens(spec.policy, section, facts.size)
        return _training(spec, facts.shape, spec.policy, count, batch * LONGEST_SHARE)
    length = _length(spec, facts, dpo.sampling.max_new_tokens)
    count = tokens.online_tokens(spec.policy, dpo, facts.size, length)
    need = _training(spec, facts.shape, spec.policy, count, batch * LONGEST_SHARE)
    sampled, programs = count.written * facts.shape.parameters, count.written / length
    return replace(need, work=replace(need.work, sampled=sampled, executions=programs))


def _reinforcement(spec: Spec, facts: RunFacts) -> _Need:
    """The policy and, for PPO, the value model in training, their frozen reference and the reward model."""
    policy, shape = spec.policy, facts.shape
    assert policy is not None
    assert policy.rl is not None
    rl, length = policy.rl, _length(spec, facts, policy.rl.max_new_tokens)
    count = tokens.rollout_tokens(policy, rl, length)
    need = _training(spec, shape, policy, count, policy.batch_size * (facts.size.prompt + length))
    device, models = need.device, ["policy"]
    disk = need.disk
    if rl.kl.coefficient and spec.model.peft is None:
        device, models = device + FLOAT32_BYTES * shape.parameters, [*models, "reference"]
    if policy.algorithm == "ppo":
        value = memory.trained_weights(shape, rank=None, frozen_bytes=0, head=False)
        device, models = device + value.in_memory, [*models, "value model in training"]
        disk += MAX_CHECKPOINTS * value.in_checkpoint
    if rl.scores_steps or rl.scores_programs:
        device += FLOAT32_BYTES * (facts.reward_shape or shape).parameters
        models.append("reward model")
    rows = min(SAMPLING_ROWS, rl.prompts * rl.samples)
    sampling = memory.sampling_bytes(shape, rows, facts.size.prompt, length, value_bytes=FLOAT32_BYTES)
    activations = (
        need.device
        - memory.trained_weights(
            shape, rank=None if spec.model.peft is None else spec.model.peft.rank, frozen_bytes=_frozen_bytes(spec)
        ).in_memory
    )
    device += max(0, sampling - activations)  # an update samples first and trains then
    read = tokens.rollouts(rl) * (facts.size.prompt + length) * shape.parameters
    values = policy.algorithm == "ppo"
    work = Work(
        trained=read * rl.epochs * (1 + values),
        forward=read * (1 + bool(rl.kl.coefficient) + values + (rl.scores_steps or rl.scores_programs)),
        sampled=count.written * shape.parameters,
        executions=tokens.rollouts(rl),
    )
    return _Need(device, count, disk, f"{need.how}; in memory: {', '.join(models)}", work=work)


def _evaluate(spec: Spec, facts: RunFacts) -> _Need:
    section = spec.evaluation
    assert section is not None
    length = _length(spec, facts, section.max_new_tokens)
    count = tokens.evaluation_tokens(section, list(facts.benchmarks), tokens.policies_of(spec), length)
    programs = [count * (1 + one.samples) for count, one in zip(facts.benchmarks, section.benchmarks, strict=True)]
    rows = min(section.batch_size, max(programs, default=0))
    device = _sampling(facts, rows, length)
    how = f"one policy, and keys and values of {rows} programs"
    judged = sum(programs) * tokens.policies_of(spec)
    scored = judged * (facts.size.prompt + length) if spec.reward is not None else 0
    work = Work(
        forward=scored * facts.shape.parameters, sampled=count.written * facts.shape.parameters, executions=judged
    )
    return _Need(device, count, judged * SAMPLE_ROW_BYTES, how, disk_how=ROWS_HOW, work=work)


def _sampling(facts: RunFacts, rows: int, length: float) -> int:
    cache = memory.sampling_bytes(facts.shape, rows, facts.size.prompt, length, value_bytes=facts.value_bytes)
    return facts.shape.parameters * facts.value_bytes + cache


def _length(spec: Spec, facts: RunFacts, limit: int) -> float:
    return tokens.written_length(facts.size, limit, ends_itself=facts.ends_itself)


_NEEDS: Final = {
    "pretrain": _pretrain,
    "supervise": _supervise,
    "sft": _sft,
    "reward": _reward,
    "policy": _policy,
    "evaluate": _evaluate,
}
