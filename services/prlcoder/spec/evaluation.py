"""The section ``evaluation``: what the last stage measures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from prlcoder.spec.problems import Hub, Select
from prlcoder.spec.section import Count, DnsLabel, Positive, Section

BenchmarkSource = Literal[
    "held-out",
    "validation",
    "apps",
    "appsplus",
    "bigcodebench",
    "codecontests",
    "humaneval",
    "humaneval-et",
    "humanevalplus",
    "kodcode",
    "leetcode",
    "livecodebench",
    "mbpp",
    "mbpp-sanitized",
    "mbppplus",
    "prlcoder",
    "taco",
    "verifiable",
    "verl",
]


class Benchmark(Section):
    """A split of the run's own problems, or a published benchmark that is read from `path`.

    Greedy pass@1 is always measured; `samples` at `temperature` give pass@k.
    """

    source: BenchmarkSource = "held-out"
    """`held-out` is the test split of the run's problems, `validation` its validation split; the others are formats of
    published problem sets."""
    name: DnsLabel | None = None
    """Name of the benchmark's folder and of its section in the report; none means the name of the source."""
    path: str | None = None
    """File, folder, URI or hub id of a published benchmark."""
    hub: Hub = Hub()
    """Which part of a Hugging Face data set is read."""
    select: Select = Select()
    """Which problems of the benchmark are used."""
    limit: Count | None = None
    """Number of problems, the first ones of the source; none means all of them."""
    samples: Annotated[int, Field(ge=0)] = 8
    """Number of sampled programs per problem, besides the greedy one."""
    temperature: Positive = 0.8
    """Sampling temperature."""
    k: tuple[Count, ...] = (1, 8)
    """Values of k for which pass@k is reported."""

    @property
    def title(self) -> str:
        """The name of its folder and of its section in the report."""
        return self.name or self.source

    @property
    def published(self) -> bool:
        """Whether it is read from ``path`` instead of being a split of the run's problems."""
        return self.source not in ("held-out", "validation")


class Evaluation(Section):
    """What the last stage measures, for the base model and every trained policy."""

    from_: str | None = Field(default=None, alias="from")
    """Folder of a finished evaluation that is used instead of evaluating."""
    benchmarks: tuple[Benchmark, ...] = (Benchmark(),)
    """What the policies are evaluated on."""
    best_of_n: bool = True
    """Reranks the samples with the reward model, if the run has one."""
    outcome_model: str | None = None
    """Folder or hub id of an outcome reward model that reranks the samples too, beside the run's own reward model."""
    batch_size: Count = 128
    """Number of programs that are generated at once."""
    max_new_tokens: Count = 512
    """Longest generated program in tokens."""
    stop: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=14)] = ()
    """Texts that end a generated program and do not belong to it, besides what the prompt template ends it with."""
