"""The rows of a supervision folder and their Parquet schemas (``docs/reference/contracts.md#3-files``).

A row's ``id`` is a digest of its content (problem, position, text, origin), but not of times. The same build therefore
has the same ids on any machine and in any order.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

TABLES = ("steps", "pairs", "programs")
GENERATED = "generated"  # the reason of a step that passes the given tests and fails a generated one
LIMIT_REASONS = ("cpu", "wall", "memory", "output_limit")  # reasons of a result that was stopped by a limit


def training_buckets(use_generated: bool) -> frozenset[str]:
    """Return the buckets whose steps and programs are used for training."""
    return frozenset({"chosen", "rejected"} | ({"rejected_generated"} if use_generated else set()))


def row_id(*parts: str | int) -> str:
    """Return a digest of the parts, 32 hexadecimal digits. JSON keeps the boundaries of the parts unambiguous."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Step:
    """One labelled step.

    ``prefix + segment + rest`` is the whole program whose verdict gave the label; ``start`` and ``end`` are the
    segment's code-point offsets in it. ``criticality`` is the share of the segment's mutations that the tests reject;
    None without mutations. ``verdict`` is that of the given tests. ``label`` is empty for a survivor, which no test
    decides. Training uses the steps whose bucket is one of ``training_buckets``.
    """

    problem_id: str
    segment_index: int
    start: int
    end: int
    prefix: str
    segment: str
    rest: str
    label: str  # chosen | rejected | empty
    bucket: str  # chosen | rejected | survivor | rejected_generated
    origin: str  # canonical | mutation | refactoring | policy
    teacher: str
    operator: str
    verdict: str
    reason: str
    segment_kind: str
    criticality: float | None = None
    id: str = field(init=False)

    def __post_init__(self) -> None:
        parts = (self.problem_id, self.segment_index, self.prefix, self.segment, self.origin, self.teacher)
        object.__setattr__(self, "id", row_id("step", *parts, self.operator))


@dataclass(frozen=True)
class Pair:
    """A chosen and a rejected segment at one prefix; ``rest`` completes the program after the chosen segment."""

    problem_id: str
    segment_index: int
    prefix: str
    chosen: str
    rejected: str
    rest: str
    chosen_origin: str
    rejected_origin: str
    criticality: float | None = None
    id: str = field(init=False)

    def __post_init__(self) -> None:
        parts = (self.problem_id, self.segment_index, self.prefix, self.chosen, self.rejected)
        object.__setattr__(self, "id", row_id("pair", *parts, self.chosen_origin, self.rejected_origin))


@dataclass(frozen=True)
class Program:
    """A whole program with its verdict and label, for outcome supervision. The bucket defaults to the label."""

    problem_id: str
    program: str
    label: str
    verdict: str
    origin: str
    bucket: str = ""
    id: str = field(init=False)

    def __post_init__(self) -> None:
        if not self.bucket:
            object.__setattr__(self, "bucket", self.label)
        object.__setattr__(self, "id", row_id("program", self.problem_id, self.program, self.origin))


SupervisionRow = Step | Pair | Program


def schema(table: str) -> Any:
    """Return the ``pyarrow.Schema`` of one table."""
    import pyarrow as pa

    text, small, share = pa.string(), pa.int32(), pa.float64()
    columns = {
        "steps": {
            "problem_id": text,
            "segment_index": small,
            "start": small,
            "end": small,
            "prefix": text,
            "segment": text,
            "rest": text,
            "label": text,
            "bucket": text,
            "origin": text,
            "teacher": text,
            "operator": text,
            "verdict": text,
            "reason": text,
            "segment_kind": text,
            "criticality": share,
            "id": text,
        },
        "pairs": {
            "problem_id": text,
            "segment_index": small,
            "prefix": text,
            "chosen": text,
            "rejected": text,
            "rest": text,
            "chosen_origin": text,
            "rejected_origin": text,
            "criticality": share,
            "id": text,
        },
        "programs": {
            "problem_id": text,
            "program": text,
            "label": text,
            "verdict": text,
            "origin": text,
            "bucket": text,
            "id": text,
        },
    }
    return pa.schema([pa.field(name, kind) for name, kind in columns[table].items()])


def as_dict(row: SupervisionRow) -> dict[str, Any]:
    """Return the row as plain values, one per column of the schema."""
    return asdict(row)


def row_digest(table: str, values: dict[str, Any]) -> str:
    """Return the SHA-256 of one row's content; the content hash of a supervision is made of these.

    Which limit a runaway program reaches first depends on the machine's load. The digest therefore treats all limits as
    one, and a timeout as a runtime error, as the paper's compiler signal does. The row itself keeps the difference.
    """
    held = dict(values)
    if held.get("verdict") == "timeout":
        held["verdict"] = "runtime_error"
    for name in ("reason", "detail"):
        if held.get(name) in LIMIT_REASONS:
            held[name] = "limit"
    return hashlib.sha256(json.dumps([table, held], sort_keys=True).encode()).hexdigest()
