"""Sources by URI: any fsspec file system, with the messages of a local file."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from prlcoder.errors import InputError
from prlcoder.problems.reading import read


@pytest.fixture
def memory(fixtures: Path) -> Iterator[Any]:
    """The fixtures as ``memory://problems/...``, two of them in other clothes."""
    system = fsspec.filesystem("memory")
    for path in fixtures.iterdir():
        system.pipe(f"/problems/{path.name}", path.read_bytes())
    system.pipe("/problems/m.jsonl.gz", gzip.compress((fixtures / "mbpp.jsonl").read_bytes()))
    system.pipe("/problems/cut.jsonl.gz", gzip.compress((fixtures / "mbpp.jsonl").read_bytes())[:-20])
    system.pipe("/problems/bad.parquet", b"PAR1")
    yield system
    system.rm("/problems", recursive=True)


@pytest.mark.parametrize("name", ["mbpp", "apps", "livecodebench"])
def test_a_uri_is_read_like_the_file(name: str, memory: Any, fixtures: Path) -> None:
    local = fixtures / f"{name}.jsonl"
    expected = list(read(str(local)))
    assert list(read(f"memory://problems/{name}.jsonl")) == expected
    assert list(read(local.resolve().as_uri())) == expected


def test_gzip_and_parquet_are_read_through_a_uri(memory: Any, fixtures: Path, tmp_path: Path) -> None:
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    expected = list(read(str(fixtures / "mbpp.jsonl")))
    assert list(read("memory://problems/m.jsonl.gz")) == expected
    rows = [json.loads(line) for line in (fixtures / "mbpp.jsonl").read_text().splitlines()]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "m.parquet")
    memory.pipe("/problems/m.parquet", (tmp_path / "m.parquet").read_bytes())
    assert list(read("memory://problems/m.parquet")) == expected


def test_folders_are_listed_through_a_uri(memory: Any, fixtures: Path) -> None:
    lines = (fixtures / "livecodebench.jsonl").read_bytes().splitlines(keepends=True)
    memory.pipe("/problems/lcb/test.jsonl", lines[0])
    memory.pipe("/problems/lcb/test2.jsonl", lines[1])
    memory.pipe("/problems/apps/train/0007/question.txt", b"Print x.")
    memory.pipe("/problems/apps/train/0007/input_output.json", b'{"inputs": ["a"], "outputs": ["x"]}')
    assert [each.id for each in read("memory://problems/lcb")] == ["own_a", "own_b"]
    (seven,) = read("memory://problems/apps/")
    assert (seven.id, seven.split, seven.solutions) == ("train/0007", "train", ())


def test_overrides_may_lie_at_a_uri(memory: Any) -> None:
    memory.pipe("/problems/o.jsonl", b'{"problem_id": "own_a", "solution": "print(1)"}')
    swap = next(read("memory://problems/livecodebench.jsonl", overrides="memory://problems/o.jsonl"))
    assert swap.solutions == ("print(1)",)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("memory://problems/gone.jsonl", "memory://problems/gone.jsonl: no such file; check the path"),
        ("memory://problems/cut.jsonl.gz", "memory://problems/cut.jsonl.gz:3: truncated or damaged gzip"),
        ("memory://problems/bad.parquet", "memory://problems/bad.parquet: damaged, or not Parquet"),
        (
            "gs://bucket/p.jsonl",
            "gs://bucket/p.jsonl: gs:// needs a driver that is not installed (Please install gcsfs",
        ),
        ("gs://bucket/p.jsonl", "gs://bucket/p.jsonl: gs:// needs a driver that is not installed (Please"),
        ("nosuch://bucket/p.jsonl", "nosuch://bucket/p.jsonl: no driver supports nosuch:// (Protocol not known"),
        ("file:///nowhere/p.jsonl", "file:///nowhere/p.jsonl: no such file; check the path"),
    ],
)
def test_what_cannot_be_read_is_one_message(source: str, message: str, memory: Any) -> None:
    with pytest.raises(InputError) as raised:
        list(read(source))
    assert str(raised.value).startswith(message)


class Refusing(MemoryFileSystem):  # type: ignore[misc]
    """A driver whose exceptions are of its own kind, as those of cloud stores are."""

    protocol = "refusing"
    store: dict[str, Any] = {}  # noqa: RUF012  # shared by all of them, as in the class it comes from

    def exists(self, path: str, **kwargs: Any) -> bool:
        return True

    def isdir(self, path: str) -> bool:
        return False

    def open(self, path: str, *args: Any, **kwargs: Any) -> Any:
        class CredentialsError(Exception):
            pass

        raise CredentialsError("no credentials\nand more")


def test_a_drivers_own_exception_is_a_message() -> None:
    fsspec.register_implementation("refusing", Refusing, clobber=True)
    with pytest.raises(
        InputError, match=r"^refusing://x/p\.jsonl: cannot be read \(CredentialsError: no credentials\)$"
    ):
        list(read("refusing://x/p.jsonl"))
