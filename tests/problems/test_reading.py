"""Reading: every format, and every way in which a file or a record can be wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError, located
from prlcoder.problems.formats import FORMATS
from prlcoder.problems.model import AssertTests
from prlcoder.problems.reading import read
from prlcoder.problems.rows import Malformed, SourceRow, file_rows
from prlcoder.spec import NanoSuite
from prlcoder.storage import location

Fields = dict[str, Any]


def records(path: Path) -> list[Fields]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows (objects as JSON, text as it is) to a JSON Lines file."""

    def write(*rows: Fields | str, name: str = "p.jsonl") -> Path:
        path = tmp_path / name
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    return write


def test_humaneval_programs_are_the_prompt_and_what_completes_it(fixtures: Path) -> None:
    double, positives = read(str(fixtures / "humaneval.jsonl"))
    assert double.id == "Own/0"
    assert double.statement == double.prompt
    assert double.canonical == double.prompt + "    return 2 * x\n"
    assert (double.split, double.source, double.difficulty) == ("test", "humaneval", None)
    assert isinstance(double.tests, AssertTests)
    assert (double.tests.entry_point, double.tests.check) == ("double", True)
    assert positives.prompt.endswith('    """The positive ones,\n  in order."""\n')
    assert positives.canonical == positives.prompt + (
        "    kept = []\n    for x in xs:\n        if x > 0:\n            kept.append(x)\n    return kept\n"
    )
    assert positives.statement == positives.prompt


def test_mbpp_has_unix_line_ends_a_function_under_test_and_its_asserts_as_examples(fixtures: Path) -> None:
    add_one, root, even = read(str(fixtures / "mbpp.jsonl"))
    assert add_one.canonical == (
        "import math\ndef add_one(items):\n    found = []\n    for item in items:\n"
        "        found.append(item + 1)\n    return found"
    )
    asserts = ["assert add_one([1, 2]) == [2, 3]", "assert add_one([]) == []", "assert add_one([-1]) == [0]"]
    assert add_one.tests == AssertTests(source="\n".join(asserts), entry_point="add_one", check=False)
    assert add_one.meta == {"examples": asserts}
    assert isinstance(root.tests, AssertTests)
    assert (root.tests.entry_point, root.tests.setup) == ("root_value", "root = Node(5)")
    assert [(each.id, each.split) for each in (add_one, root, even)] == [
        ("2", "train"),
        ("11", "test"),
        ("511", "validation"),
    ]


def test_leetcode_keeps_its_imports_apart_and_finds_the_starter_code(fixtures: Path) -> None:
    largest, signs = read(str(fixtures / "leetcode.jsonl"))
    assert largest.preamble == "from typing import *\nfrom math import *\n\ninf = float('inf')\n"
    assert largest.starter_code == "class Solution:\n    def largest(self, nums: List[int]) -> int:\n"
    assert largest.statement.startswith("Return the largest item of nums.\n\nExample 1:")
    assert (largest.difficulty, largest.prompt, largest.split) == ("easy", "", None)
    assert largest.meta == {"question_id": 1, "tags": ["Array"], "estimated_date": "2024-01-07"}
    assert signs.statement == "Count the negative items of nums."
    assert signs.difficulty == "medium"
    assert signs.canonical == (
        "class Solution:\n    def countSigns(self, nums: List[int]) -> int:\n\n"
        "        return sum(x < 0 for x in nums)\n"
    )


def test_tab_and_keep_apply_to_solutions_prompt_and_starter_code_alike(fixtures: Path) -> None:
    largest = next(read(str(fixtures / "leetcode.jsonl"), normalize_indent="tab"))
    assert largest.starter_code == "class Solution:\n\tdef largest(self, nums: List[int]) -> int:\n"
    assert "\n\t\tbest = -inf\n\t\tfor x in nums:\n\t\t\tbest" in largest.canonical
    positives = list(read(str(fixtures / "humaneval.jsonl"), normalize_indent="tab"))[1]
    assert positives.canonical.startswith(positives.prompt)
    assert positives.prompt.endswith('\n\t"""The positive ones,\n  in order."""\n')
    add_one = next(read(str(fixtures / "mbpp.jsonl"), normalize_indent="keep"))
    assert "\n\tfound = []\n" in add_one.canonical
    assert "\r" not in add_one.canonical


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_detected_and_can_be_forced(name: str, fixtures: Path) -> None:
    path = str(fixtures / f"{name}.jsonl")
    detected = list(read(path))
    assert list(read(path, format=name)) == detected
    assert len(detected) == len(records(Path(path)))


def test_gzip_is_read_like_plain_text(tmp_path: Path, fixtures: Path) -> None:
    path = tmp_path / "m.jsonl.gz"
    path.write_bytes(gzip.compress((fixtures / "mbpp.jsonl").read_bytes()))
    assert list(read(str(path))) == list(read(str(fixtures / "mbpp.jsonl")))


def test_a_published_schema_in_parquet_is_read_like_its_json_lines(tmp_path: Path, fixtures: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "m.parquet"
    pq.write_table(pa.Table.from_pylist(records(fixtures / "mbpp.jsonl")), path)
    assert list(read(str(path))) == list(read(str(fixtures / "mbpp.jsonl")))


def test_limit_counts_problems(fixtures: Path) -> None:
    assert [each.id for each in read(str(fixtures / "mbpp.jsonl"), limit=2)] == ["2", "11"]


def test_nano_is_generated_in_the_sizes_asked_for() -> None:
    problems = list(read("nano", nano=NanoSuite(train=6, validation=3, test=3)))
    assert [each.split for each in problems].count("train") == 6
    assert len({each.id for each in problems}) == 12
    assert all(each.canonical.startswith(each.prompt) for each in problems)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("humaneval", {"test": None}, "test: missing"),
        ("humaneval", {"test": "def check(c):\nassert c"}, "test: is not Python: expected an indented block"),
        ("humaneval", {"prompt": 3}, "prompt: text was expected, not an integer"),
        ("humaneval", {"canonical_solution": "  return (\n"}, "canonical_solution: is not Python: '(' was never"),
        ("mbpp", {"task_id": "601"}, "task_id: an integer was expected, not text"),
        ("mbpp", {"task_id": True}, "task_id: an integer was expected, not true or false"),
        ("mbpp", {"test_list": []}, "test_list: is empty; a problem needs at least one test"),
        ("mbpp", {"test_list": ["assert f(1) =="]}, "test_list[0]: is not Python: invalid syntax (its line 1)"),
        ("mbpp", {"test_list": ["assert g(1) == 2"]}, "test_list: calls no function that the solution defines"),
        ("mbpp", {"code": "def add_one(x)\n"}, "code: is not Python: expected ':' (its line 1)"),
        (
            "leetcode",
            {"difficulty": None, "meta": {"difficulty": 2}},
            "meta.difficulty: text was expected, not an integer",
        ),
        ("leetcode", {"completion": "\n"}, "completion: is empty"),
        ("leetcode", {"completion": "x = '\0'"}, "completion: is not Python: source code"),
        ("prlcoder", {"solutions": ["x = 1", "x ="]}, "solutions[1]: is not Python: invalid syntax (its line 1)"),
        (
            "prlcoder",
            {"prompt": "y = 1\n"},
            "solutions[0]: does not begin with the prompt; solutions are whole programs",
        ),
    ],
)
def test_a_malformed_record_is_named_by_file_line_and_field(
    name: str, change: Fields, message: str, fixtures: Path, file: Callable[..., Path]
) -> None:
    good, other = records(fixtures / f"{name}.jsonl")[:2]
    path = file(good, "", other | change)
    with pytest.raises(InputError) as raised:
        list(read(str(path)))
    assert str(raised.value).startswith(f"{path}:3: {message}")


def test_an_id_that_was_seen_before_is_an_error_that_names_the_first_line(
    fixtures: Path, file: Callable[..., Path]
) -> None:
    good = records(fixtures / "mbpp.jsonl")[0]
    path = file(good, good)
    with pytest.raises(InputError, match=r":2: task_id: '2' was already used on line 1; give each problem its own id$"):
        list(read(str(path)))


def test_with_skip_invalid_every_record_is_a_problem_or_a_quarantine_row(
    fixtures: Path, file: Callable[..., Path]
) -> None:
    good, other, third = records(fixtures / "mbpp.jsonl")
    path = file("{broken", good, other | {"code": 1}, '["list"]', third, good)
    rows: list[Fields] = []
    ids = [each.id for each in read(str(path), skip_invalid=True, quarantine=rows.append)]
    assert ids == ["2", "511"]
    assert [(row["file"], row["line"], row["field"]) for row in rows] == [
        (str(path), 1, None),
        (str(path), 3, "code"),
        (str(path), 4, None),
        (str(path), 6, "task_id"),
    ]
    assert rows[0]["record"] == "{broken"
    assert rows[0]["reason"].startswith("not JSON (")
    assert rows[1]["record"]["code"] == 1
    assert rows[1]["reason"] == "text was expected, not an integer"
    assert rows[3]["reason"] == "'2' was already used on line 2; give each problem its own id"


def test_a_parquet_row_is_named_by_its_number_and_quarantined_as_json(tmp_path: Path, fixtures: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "m.parquet"
    good, bad, _ = records(fixtures / "mbpp.jsonl")
    pq.write_table(pa.Table.from_pylist([good | {"seen": b"\xff"}, bad | {"text": " ", "seen": b"\xff"}]), path)
    with pytest.raises(InputError, match=r"m\.parquet:2: text: is empty$"):
        list(read(str(path)))
    rows: list[Fields] = []
    assert [each.id for each in read(str(path), skip_invalid=True, quarantine=rows.append)] == ["2"]
    assert (rows[0]["line"], rows[0]["record"]["task_id"]) == (2, 11)
    assert json.loads(json.dumps(rows)) == rows


def test_a_first_record_that_lacks_a_field_does_not_hide_the_format(fixtures: Path, file: Callable[..., Path]) -> None:
    good, other, _ = records(fixtures / "mbpp.jsonl")
    del good["test_list"]
    path = file(good, other)
    assert [each.id for each in read(str(path), skip_invalid=True)] == ["11"]
    with pytest.raises(InputError, match=r"p\.jsonl:1: test_list: missing$"):
        list(read(str(path)))


def test_a_file_without_one_valid_record_is_an_error_even_with_skip_invalid(
    fixtures: Path, file: Callable[..., Path]
) -> None:
    path = file(*({**each, "text": ""} for each in records(fixtures / "mbpp.jsonl")))
    with pytest.raises(InputError, match=r"p\.jsonl: none of its 3 records is valid \(line 1: text: is empty\)"):
        list(read(str(path), skip_invalid=True))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.jsonl", b"", "empty.jsonl: contains no records; is it the right file?"),
        ("blank.jsonl", b"\n \n", "blank.jsonl: contains no records; is it the right file?"),
        ("binary.jsonl", b'{"a": 1}\n\xff\xfe\x00', "binary.jsonl:1: is not UTF-8 text; is it the right file?"),
        ("latin.jsonl", b"\xe9\xe8", "latin.jsonl:1: is not UTF-8 text"),
        ("cut.jsonl", b'{"id": "a", "statem', "cut.jsonl:1: not JSON ("),
        ("cut.jsonl.gz", gzip.compress(b"x" * 99, mtime=0)[:-12], "cut.jsonl.gz:1: truncated or damaged gzip"),
        ("plain.jsonl.gz", b'{"id": 1}\n', "plain.jsonl.gz:1: truncated or damaged gzip"),
        (
            "other.jsonl",
            b'{"b": 1, "a": 2}',
            "other.jsonl:1: the format cannot be told from fields a, b; name one with",
        ),
        ("list.jsonl", b"[1]\n", "list.jsonl:1: a JSON object was expected, not list"),
        ("not.parquet", b"PAR1 not really", "not.parquet: damaged, or not Parquet ("),
        ("empty.parquet", b"", "empty.parquet: damaged, or not Parquet ("),
    ],
)
def test_a_file_that_is_no_problem_file_gives_one_message(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as raised:
        list(read(str(tmp_path / name)))
    assert str(raised.value).startswith(f"{tmp_path}/{message}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["p.jsonl", "p.json", "p.parquet"])
def test_an_empty_folder_and_a_missing_file_are_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file; check the path$"):
        list(read(str(tmp_path / name)))
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=r"is a folder that contains no problems; name a file in it$"):
        list(read(str(tmp_path / name)))


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("shape", ["array", "mapping", "lines"])
def test_a_json_file_is_an_array_a_mapping_by_id_or_records_in_a_row(
    shape: str, indent: int | None, tmp_path: Path, fixtures: Path
) -> None:
    rows = records(fixtures / "prlcoder.jsonl")
    by_id = {row["id"]: {name: value for name, value in row.items() if name != "id"} for row in rows}
    whole = {
        "array": json.dumps(rows, indent=indent),
        "mapping": json.dumps(by_id, indent=indent),
        "lines": "\n".join(json.dumps(row, indent=indent) for row in rows),
    }
    path = tmp_path / "p.json"
    path.write_text(whole[shape])
    assert list(read(str(path))) == list(read(str(fixtures / "prlcoder.jsonl")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[\n{},\n{]", "p.json:3: not JSON (Expecting property name enclosed in double quotes); is it the right"),
        ("[{}\n{}]", "p.json:2: not JSON (Expecting ',' or ']' in the array)"),
        ("[{}] x", "p.json:1: not JSON (more text after the end of the array)"),
        ("[\n1]", "p.json:2: a JSON object was expected, not an integer"),
        ("[[" + "9" * 5_000 + "]]", "p.json:1: a JSON object was expected, not a list"),
        ("[" * 100_000, "p.json:1: not JSON (nested too deep)"),
        (f'[{{"id": {"9" * 100_001}}}]', "p.json:1: not JSON (an integer of 100,001 digits; at most 100,000 are read)"),
    ],
)
def test_a_broken_json_file_is_named_by_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(content)
    with pytest.raises(InputError) as raised:
        refuse_malformed(file_rows(location(str(path))))
    assert str(raised.value).startswith(f"{tmp_path}/{message}")


def refuse_malformed(rows: Iterable[SourceRow]) -> None:
    """What the reader does with a record that is none, without a format."""
    for row in rows:
        if isinstance(row.record, Malformed):
            raise located(row.file, row.line, None, row.record.error.problem)


@pytest.mark.parametrize("content", ["", " \n", "[]", "[ ]\n"])
def test_a_json_file_without_records_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"p\.json: contains no records; is it the right file\?$"):
        list(read(str(path)))


def test_an_error_in_a_json_file_names_the_line_where_its_record_begins(tmp_path: Path, fixtures: Path) -> None:
    rows = records(fixtures / "prlcoder.jsonl")
    path = tmp_path / "p.json"
    path.write_text("[\n" + ",\n".join(map(json.dumps, [rows[0], rows[1] | {"statement": 3}])) + "\n]\n")
    with pytest.raises(InputError, match=r"p\.json:3: statement: text was expected, not an integer$"):
        list(read(str(path)))


def test_a_truncated_file_is_an_error_after_its_good_part(tmp_path: Path, fixtures: Path) -> None:
    path = tmp_path / "m.jsonl.gz"
    path.write_bytes(gzip.compress((fixtures / "mbpp.jsonl").read_bytes())[:-20])
    with pytest.raises(InputError, match="truncated or damaged gzip"):
        list(read(str(path), skip_invalid=True))


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        InputError, match="'csv' is not a format; choose one of auto, humaneval, humanevalplus, humaneval-et, mbpp"
    ):
        read("x.jsonl", format="csv")
    with pytest.raises(InputError, match="nano is generated, not read"):
        read("x.jsonl", format="nano")
    with pytest.raises(InputError, match="nano is generated, not read"):
        read("nano", format="mbpp")
