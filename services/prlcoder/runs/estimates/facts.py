"""Reads what an estimate needs: the model's configuration and tokenizer, and the problems. No weights are read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.runs.estimates.shapes import FLOAT32_BYTES, ModelShape, ProblemSize
from prlcoder.runs.estimates.stages import RunFacts
from prlcoder.runs.load_problems import SplitProblems, load_problems
from prlcoder.segmenter import SegmentationError, segment
from prlcoder.spec import Spec, Supervision, TrainingRun, manifest
from prlcoder.stages.context import template_of

MAX_TOKENISED: Final = 400  # problems whose mean length stands for all
STREAM_PROGRAMS: Final = 256
HALF_BYTES: Final = 2


def facts_of(run: TrainingRun, problems: SplitProblems | None = None) -> RunFacts:
    """The facts of a run. ``InputError`` if its problems or its model are not on this machine, or are not known."""
    spec = run.spec
    if problems is None:
        with TemporaryDirectory(prefix="prlcoder-") as scratch:
            problems = load_problems(spec, Path(scratch) / "splits.json", Path(scratch) / "quarantine.jsonl")
    tokenizer, shape, value_bytes = _model(spec, problems)
    return RunFacts(
        shape=shape,
        size=_size(spec, problems, tokenizer),
        benchmarks=tuple(_benchmark_sizes(spec, problems)),
        ends_itself=spec.model.scratch is not None,
        value_bytes=value_bytes,
        reward_shape=_reward_shape(spec),
        supervision=_built_supervision(spec),
    )


def _model(spec: Spec, problems: SplitProblems) -> tuple[Any, ModelShape, int]:
    """Tokenizer, shape and bytes per weight. A model from scratch gets a tokenizer of the same texts."""
    from prlcoder.modeling.configs import load_config
    from prlcoder.modeling.scratch_shapes import SHAPES
    from prlcoder.modeling.tokenizer_loading import load_tokenizer

    if spec.model.scratch is not None:
        tokenizer = _scratch_tokenizer(spec, problems)
        config = {**SHAPES[spec.model.scratch.preset], "tie_word_embeddings": True}
        return tokenizer, ModelShape.of(config, vocabulary=len(tokenizer)), FLOAT32_BYTES
    location = spec.model.location
    if location is None or not Path(location).expanduser().exists():
        raise InputError(f"model {location}: is not on this machine; download it, and give its folder")
    config = load_config(location).to_dict()
    return load_tokenizer(location), _shape(config, location), _value_bytes(config)


def _shape(config: dict[str, Any], where: str) -> ModelShape:
    try:
        return ModelShape.of(config)
    except KeyError as error:
        raise InputError(f"model {where}: config.json: has no {error}, so that its size is not known") from None


def _value_bytes(config: dict[str, Any]) -> int:
    return (
        HALF_BYTES
        if str(config.get("dtype") or config.get("torch_dtype")) in ("bfloat16", "float16")
        else FLOAT32_BYTES
    )


def _scratch_tokenizer(spec: Spec, problems: SplitProblems) -> Any:
    from prlcoder.modeling.scratch_tokenizers import nano_tokenizer, small_tokenizer
    from prlcoder.problems.prompts import render

    template = "plain" if spec.model.prompt_template == "chat" else spec.model.prompt_template
    texts = [render(problem, template).whole(problem.canonical) for problem in problems.train if problem.solutions]
    assert spec.model.scratch is not None
    return nano_tokenizer(texts) if spec.model.scratch.preset == "nano" else small_tokenizer(texts)


def _size(spec: Spec, problems: SplitProblems, tokenizer: Any) -> ProblemSize:
    from prlcoder.modeling.spans import encode
    from prlcoder.problems.prompts import render

    solved = [problem for problem in problems.train if problem.solutions]
    shown = _evenly(solved or list(problems.train or problems.test), MAX_TOKENISED)
    if not shown:
        raise InputError("problems: there are none to estimate from; give more problems")
    prompts, programs, segments = [], [], []
    for problem in shown:
        prompt = render(problem, template_of(spec), tokenizer)
        prompts.append(len(encode(tokenizer, prompt.question).ids))
        if problem.solutions:
            programs.append(len(encode(tokenizer, prompt.input(problem.canonical)).ids) + 1)
            segments.append(_segments(problem.canonical, spec.segmentation))
    mean_prompt = fmean(prompts)
    return ProblemSize(
        train=len(problems.train),
        solved=len(solved),
        validation=len(problems.validation),
        test=len(problems.test),
        prompt=mean_prompt,
        solution=max(1.0, fmean(programs) - mean_prompt) if programs else mean_prompt,
        segments=fmean(segments) if segments else 1.0,
        stream=_stream(spec, tokenizer) if spec.problems.source == "nano" else 0.0,
    )


def _evenly(items: Sequence[Any], most: int) -> list[Any]:
    """At most ``most`` items at equal distances."""
    return list(items[:: max(1, -(-len(items) // most))])


def _segments(program: str, mode: Any) -> int:
    try:
        return len(segment(program, mode))
    except SegmentationError:
        return 1


def _stream(spec: Spec, tokenizer: Any) -> float:
    """Mean tokens of the first programs of the nano stream with their prompts."""
    from prlcoder.problems.nano.stream import stream
    from prlcoder.problems.nano.task import PROMPT

    count = STREAM_PROGRAMS
    programs = islice(stream(count, seed=spec.seed, exclude=(), noisy=True), count)
    return fmean(len(tokenizer(f"{one.statement}\n{PROMPT}{one.program}")["input_ids"]) for one in programs)


def _benchmark_sizes(spec: Spec, problems: SplitProblems) -> list[int]:
    from prlcoder.evaluation.problem_sets import published_problems

    sizes = {"held-out": len(problems.test), "validation": len(problems.validation)}
    benchmarks = spec.evaluation.benchmarks if spec.evaluation is not None else ()
    found = [len(published_problems(one, spec)) if one.published else sizes[one.source] for one in benchmarks]
    return [size if one.limit is None else min(size, one.limit) for size, one in zip(found, benchmarks, strict=True)]


def _reward_shape(spec: Spec) -> ModelShape | None:
    """The shape of a reward model with a backbone of its own."""
    from prlcoder.modeling.configs import load_config

    name = None if spec.reward is None else spec.reward.from_ or spec.reward.model
    if name in (None, "base", "sft") or not Path(str(name)).expanduser().exists():
        return None
    return _shape(load_config(str(name)).to_dict(), str(name))


def _built_supervision(spec: Spec) -> Supervision | None:
    """The settings with which a given supervision was built, from the run that holds it."""
    given = None if spec.supervision is None else spec.supervision.from_
    path = None if given is None else Path(given).expanduser().resolve().parent / "run.yaml"
    if path is None or not path.exists():
        return None
    return manifest.load(path).spec.supervision
