"""The section ``problems``: where problems come from and how they are split."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from prlcoder.spec.section import NO_CRD_DEFAULT, CelRule, Count, Fraction, Section


class NanoSuite(Section):
    """Sizes of the generated nano suite. They are read only when `problems.source` is `nano`."""

    train: Count = 300
    """Number of training problems."""
    validation: Count = 150
    """Number of validation problems."""
    test: Count = 300
    """Number of test problems."""


class Split(Section):
    """How problems are divided into training, validation and test problems."""

    by: Annotated[Literal["random", "published"], Field(json_schema_extra=NO_CRD_DEFAULT)] = "random"
    """`published` keeps the data set's own split where it has one; it is the default for the nano suite."""
    validation: Fraction = 0.25
    """Share of the problems in the validation split."""
    test: Fraction = 0.25
    """Share of the problems in the test split."""
    seed: int = 0
    """Seed of the random split."""


class Hub(Section):
    """Which part of a Hugging Face data set is read. It applies to hub ids and to data set folders only."""

    config: str | None = None
    """Configuration of the data set; none means its only or default one."""
    split: str | None = None
    """Split of the data set; none means all splits."""
    revision: str | None = None
    """Revision of the data set; none means the newest. A commit id makes runs repeatable."""


class Select(Section):
    """Which problems of the source are used: those that satisfy every condition given here."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule("!has(self.since) || !has(self.until) || self.since <= self.until", "`since` comes after `until`"),
    )

    release: (
        Literal["release_v1", "release_v2", "release_v3", "release_v4", "release_v5", "release_v6", "release_latest"]
        | None
    ) = None
    """Release of LiveCodeBench; it needs the folder of `test*.jsonl` files."""
    since: date | None = None
    """First day of the contest, included."""
    until: date | None = None
    """Last day of the contest, included."""
    difficulty: tuple[str, ...] = ()
    """Difficulties that are used; APPS and APPS+ call them levels. An empty list means all."""
    platform: tuple[str, ...] = ()
    """Platforms that are used, such as `leetcode`. An empty list means all."""

    @model_validator(mode="after")
    def _check_days(self) -> Select:
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"`since` ({self.since}) comes after `until` ({self.until})")
        return self


class Problems(Section):
    """Where problems come from, and which of them the run uses."""

    source: str
    """`nano` for the generated suite, or a path, an fsspec URI or the id of a Hugging Face data set."""
    format: str = "auto"
    """Format of the source, such as `humaneval` or `apps`; `auto` recognises it."""
    split: Split = Split()
    """How problems are divided into training, validation and test problems."""
    normalize_indent: Literal["spaces4", "tab", "keep"] = "spaces4"
    """Indentation of programs, starter code and prompts after reading."""
    limit: Count | None = None
    """Number of problems to read at most."""
    skip_invalid: bool = False
    """Writes invalid records to `quarantine.jsonl` and goes on, instead of stopping at the first one."""
    select: Select = Select()
    """Which problems of the source are used."""
    overrides: str | None = None
    """JSON Lines file of better canonical solutions, by problem id."""
    hub: Hub = Hub()
    """Which part of a Hugging Face data set is read."""
    nano: NanoSuite = NanoSuite()
    """Sizes of the generated nano suite."""

    @model_validator(mode="before")
    @classmethod
    def _keep_nano_split(cls, data: Any) -> Any:
        """The nano suite's sizes are the sizes of its own splits, so that another split must be asked for."""
        if not isinstance(data, dict) or data.get("source") != "nano":
            return data
        split = data.get("split", {})
        return {**data, "split": {"by": "published", **split}} if isinstance(split, dict) else data
