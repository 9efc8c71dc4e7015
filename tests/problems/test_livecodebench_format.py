"""LiveCodeBench: packed private tests that cannot run anything, releases, windows of time."""

from __future__ import annotations

import base64
import json
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.problems.formats.private_tests import PackedError, load_plain, unpack
from prlcoder.problems.model import CallTest, CallTests, Comparison, StdioTest, StdioTests
from prlcoder.problems.reading import read
from prlcoder.spec import Select

TESTS = [{"input": "x\n", "output": "y\n", "testtype": "stdin"}]


class Touches:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._path),)


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def first(fixtures: Path) -> dict[str, Any]:
    row: dict[str, Any] = json.loads((fixtures / "livecodebench.jsonl").read_text().splitlines()[0])
    return row


@pytest.fixture
def releases(tmp_path: Path, fixtures: Path) -> Path:
    """A folder as the benchmark's: release 1 has problem a, release 2 adds b, release 3 adds c."""
    lines = (fixtures / "livecodebench.jsonl").read_text().splitlines(keepends=True)
    for name, line in zip(("test.jsonl", "test2.jsonl", "test3.jsonl"), lines, strict=True):
        (tmp_path / name).write_text(line)
    return tmp_path


def test_public_and_private_tests_are_the_tests(fixtures: Path) -> None:
    swap, largest, echo = read(str(fixtures / "livecodebench.jsonl"))
    pairs = (StdioTest("a b\n", "b a\n"), StdioTest("x yy\n", "yy x\n"), StdioTest("1 2\n", "2 1\n"))
    assert swap.tests == StdioTests(pairs, Comparison.DECIMALS, test_limit_s=6.0)
    calls = (CallTest(([1, 3], 2), {}, 3), CallTest(([1], 2), {}, 2))
    how = "Solution().largest if 'Solution' in globals() else largest"
    assert largest.tests == CallTests(how, calls, Comparison.SHALLOW, test_limit_s=6.0)
    assert echo.tests == StdioTests(
        (StdioTest("a\n", "a\n"), StdioTest("b\n", "b\n")), Comparison.DECIMALS, test_limit_s=6.0
    )
    assert [each.difficulty for each in (swap, largest, echo)] == ["easy", "medium", "hard"]
    assert {each.split for each in (swap, largest, echo)} == {"test"}
    assert swap.solutions == ()
    assert swap.meta["contest_date"] == "2023-08-21T00:00:00"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", ["text\n\ud800", [("a", None)], {"k": ["v", "v"], "l": []}, ()])
def test_text_and_plain_containers_are_unpacked(value: Any, protocol: int) -> None:
    assert unpack(packed(pickle.dumps(value, protocol))) == value


def test_a_pickle_that_would_act_is_refused_and_does_nothing(tmp_path: Path) -> None:
    place = tmp_path / "made"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(PackedError, match="contains more than text and containers"):
            load_plain(pickle.dumps(["fine", Touches(place)], protocol))
    assert not place.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'true'\ntR.",  # GLOBAL, REDUCE
        b"\x80\x02c__builtin__\neval\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",  # STACK_GLOBAL
        b"\x80\x02\x82\x01.",  # EXT1
        b"(ios\nsystem\n.",  # INST
        b"Pid\n.",  # PERSID
        pickle.dumps(1),
        pickle.dumps(b"bytes"),
        pickle.dumps(1.5),
        pickle.dumps({1, 2}),
        pickle.dumps(pickle.PickleBuffer(b"x"), 5, buffer_callback=lambda _: None),
        b"\x80\x02X\x01\x00\x00\x00ar\xff\xff\xff\x7f.",  # a memo of 2**31 places
        b"\x80\x02X\xff\xff\xff\xffa.",  # text of 4 GiB that is not there
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa.",
        b"\x80\x02}}s.",
        b".",
        b"",
        b"\x80\xff.",
    ],
)
def test_no_other_pickle_is_loaded(data: bytes) -> None:
    with pytest.raises(PackedError):
        load_plain(data)


def test_what_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(PackedError, match="unpacks to more than 1,000 bytes"):
        unpack(packed(pickle.dumps("a" * 10_000_000)), max_bytes=1_000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"private_test_cases": "%%%"}, "private_test_cases: neither JSON nor base64"),
        ({"private_test_cases": "ü"}, "private_test_cases: neither JSON nor base64"),
        ({"private_test_cases": "YWJj"}, "private_test_cases: not zlib ("),
        ({"private_test_cases": packed(b"x")[:-8] + "AAAA"}, "private_test_cases: "),
        ({"private_test_cases": packed(pickle.dumps("[1"))}, "private_test_cases: Expecting ',' delimiter"),
        (
            {"private_test_cases": packed(pickle.dumps("[1]"))},
            "private_test_cases[0]: an object was expected, not an in",
        ),
        ({"private_test_cases": packed(pickle.dumps([{"input": "a"}]))}, "private_test_cases[0].testtype: missing"),
        ({"public_test_cases": "[]", "private_test_cases": "[]"}, "public_test_cases: is empty; a problem needs"),
        ({"public_test_cases": None}, "public_test_cases: missing"),
        ({"public_test_cases": "[{}]"}, "public_test_cases[0].testtype: missing"),
        (
            {"public_test_cases": json.dumps([{**TESTS[0], "testtype": "functional"}])},
            "public_test_cases[0].testtype: 'functional, stdin'; tests are all `stdin` or all `functional`",
        ),
        ({"contest_date": "soon"}, "contest_date: 'soon' is not a date; write it as 2024-08-31"),
        ({"metadata": "[]"}, "metadata: an object was expected, not a list"),
    ],
)
def test_a_malformed_problem_is_named_by_field(
    change: dict[str, Any], message: str, tmp_path: Path, fixtures: Path
) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps(first(fixtures) | change))
    with pytest.raises(InputError) as raised:
        list(read(str(path)))
    assert str(raised.value).startswith(f"{path}:1: {message}")


@pytest.mark.parametrize(
    ("release", "ids"),
    [
        (None, ["own_a", "own_b", "own_c"]),
        ("release_latest", ["own_a", "own_b", "own_c"]),
        ("release_v1", ["own_a"]),
        ("release_v2", ["own_a", "own_b"]),
    ],
)
def test_releases_accumulate(release: Any, ids: list[str], releases: Path) -> None:
    assert [each.id for each in read(str(releases), select=Select(release=release))] == ids


def test_a_release_that_is_not_there_is_named(releases: Path, fixtures: Path) -> None:
    with pytest.raises(InputError, match=r"release: release_v5 needs test4\.jsonl, which is not in the folder"):
        list(read(str(releases), select=Select(release="release_v5")))
    (releases / "test.jsonl").unlink()
    with pytest.raises(InputError, match=r"release_v3 needs test\.jsonl, which"):
        list(read(str(releases), select=Select(release="release_v3")))
    with pytest.raises(InputError, match="release: this source does not say which release a record belongs to"):
        list(read(str(fixtures / "livecodebench.jsonl"), select=Select(release="release_v1")))


@pytest.mark.parametrize(
    ("select", "ids"),
    [
        ({"since": "2024-09-01"}, ["own_b", "own_c"]),  # both days included
        ({"until": "2024-09-01"}, ["own_a", "own_b"]),
        ({"since": "2024-01-01", "until": "2025-01-31"}, ["own_b"]),
        ({"difficulty": ("Easy", "hard")}, ["own_a", "own_c"]),
        ({"platform": ("leetcode",)}, ["own_b"]),
        ({"platform": ("leetcode", "atcoder"), "difficulty": ("easy",)}, ["own_a"]),
    ],
)
def test_days_difficulties_and_platforms_select(select: dict[str, Any], ids: list[str], fixtures: Path) -> None:
    problems = read(str(fixtures / "livecodebench.jsonl"), select=Select.model_validate(select))
    assert [each.id for each in problems] == ids


def test_limit_counts_selected_problems(fixtures: Path) -> None:
    hard = Select(difficulty=("medium", "hard"))
    assert [each.id for each in read(str(fixtures / "livecodebench.jsonl"), select=hard, limit=1)] == ["own_b"]


def test_a_selection_of_nothing_shows_what_there_is(fixtures: Path) -> None:
    with pytest.raises(InputError) as raised:
        list(read(str(fixtures / "livecodebench.jsonl"), select=Select(platform=("topcoder",))))
    assert str(raised.value).endswith(
        "select: none of the 3 problems is selected; they have difficulty easy 1, medium 1, hard 1; "
        "platform atcoder 1, leetcode 1, codeforces 1; days 2023-08-21 to 2025-02-01"
    )
    with pytest.raises(InputError, match=r"platform none 3; days none$"):
        list(read(str(fixtures / "mbpp.jsonl"), select=Select.model_validate({"since": "2024-01-01"})))
