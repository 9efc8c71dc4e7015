"""Generated inputs lie in the envelope of the given ones, are new, and are the same for the same seed."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.problems.model import AssertTests, CallTest, CallTests, Comparison, Problem, StdioTest, StdioTests
from prlcoder.problems.reading import read
from prlcoder.supervision import stdin_text
from prlcoder.supervision.generated_inputs import generate, generate_values, given_calls
from prlcoder.supervision.input_invariants import holds, relations
from prlcoder.supervision.input_ranges import describe

VALUES = st.recursive(
    st.integers(-50, 50)
    | st.integers(-(2**80), 2**80)
    | st.booleans()
    | st.none()
    | st.text("abcXY01 -", max_size=6)
    | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


def problem(tests: Any, id: str = "p") -> Problem:
    return Problem(id=id, statement="", tests=tests, solutions=("",))


def calls(*inputs: tuple[Any, ...]) -> CallTests:
    return CallTests("f", tuple(CallTest(values, {}, None) for values in inputs))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4), st.integers(0, 3))
def test_everything_generated_lies_within(inputs: list[tuple[Any, Any]], seed: int) -> None:
    made = generate_values(inputs, random.Random(seed), 12)
    envelopes = [describe(column) for column in zip(*inputs, strict=True)]
    kept = relations(inputs)
    for values in made:
        assert all(envelope.admits(value) for envelope, value in zip(envelopes, values, strict=True))
        assert holds(kept, values)
        assert repr(values) not in {repr(tuple(given)) for given in inputs}
    assert len({repr(values) for values in made}) == len(made)


def test_a_number_s_neighbours_and_bounds_are_tried() -> None:
    made = generate_values([(1,), (20,)], random.Random(0), 32)
    assert {2, 19} <= {value for (value,) in made} <= set(range(2, 20))


def test_nothing_is_generated_where_only_the_given_input_lies_within() -> None:
    assert generate(problem(calls((5,))), 0) is None
    assert generate(problem(calls(())), 0) is None


def test_the_seed_and_the_problem_decide() -> None:
    tests = calls(([1, 2, 3, 9], 3), ([4, 4], 4))
    assert generate(problem(tests), 1) == generate(problem(tests), 1)
    assert generate(problem(tests), 1) != generate(problem(tests), 2)
    assert generate(problem(tests, "p"), 1) != generate(problem(tests, "q"), 1)


def test_another_process_generates_the_same() -> None:
    """Sets and texts have no order that depends on the process's hash seed."""
    code = (
        "from tests.supervision import test_generated_inputs as t;"
        "p = t.problem(t.calls(({'b', 'a', 'cd'}, 'bca'), ({'e'}, 'ba')));"
        "print([[sorted(value) for value in case.args] for case in t.generate(p, 0).cases])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join([str(Path(__file__).resolve().parents[2]), *sys.path])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1


def test_asserts_that_are_plain_pairs_give_their_calls() -> None:
    given = ("nums = [1, 2], k = 1", "[5, 6], k=2", "nums = [7, 8], k = 2")
    source = "def check(candidate):\n" + "".join(f"    assert candidate({call}) == 3\n" for call in given)
    tests = AssertTests(source, "Solution().f", True)
    assert given_calls(tests) == [((), {"k": 1, "nums": [1, 2]}), ((), {"k": 2, "nums": [7, 8]})]


@pytest.mark.parametrize(
    "statement",
    [
        "assert set(f([1, 2])) == {1}",  # any order is right
        "assert abs(f(1.5) - 2.0) < 1e-6",
        "assert f(1) or f(2)",
        "for i in range(3):\n    assert f(i) == i",
    ],
)
def test_other_asserts_allow_no_more_than_they_say(statement: str) -> None:
    tests = AssertTests(f"assert f(1) == 1\n{statement}\n", "f", False)
    assert given_calls(tests) == []


def test_the_comparison_of_the_given_tests_stays() -> None:
    tests = CallTests("f", calls((1,), (9,)).cases, Comparison.STRICT)
    made = generate(problem(tests), 0)
    assert made is not None
    assert made.comparison is Comparison.STRICT


# --- standard input -------------------------------------------------------------------------------------------------


def test_a_number_that_counts_stays_and_lines_keep_their_form() -> None:
    texts = ["3\n5 1 4\n", "2\n9 7\n", "5\n1 2 8 3 6\n"]
    made = stdin_text.generate(texts, random.Random(0), 24)
    assert len(made) == 24
    for text in made:
        count, values = text.splitlines()
        assert int(count) == len(values.split()) in (2, 3, 5)
        assert all(1 <= int(value) <= 9 for value in values.split())


def test_words_keep_their_length_and_letters() -> None:
    made = stdin_text.generate(["4\nabca\n", "2\nbb\n"], random.Random(0), 12)
    assert made
    assert all(len(text.split()[1]) == int(text.split()[0]) and set(text.split()[1]) <= set("abc") for text in made)


def test_spelling_and_spaces_of_what_is_kept_stay() -> None:
    text = "1.50  007\tx\n\n 3\n"
    assert stdin_text.written(text, stdin_text.parse(text)) == text
    assert stdin_text.parse(text) == [[1.5, "007", "x"], [], [3]]


def test_stdio_tests_give_stdio_tests() -> None:
    tests = StdioTests((StdioTest("1 2\n", "3\n"), StdioTest("8 9\n", "17\n")), Comparison.TOKENS)
    made = generate(problem(tests), 0)
    assert isinstance(made, StdioTests)
    assert made.comparison is Comparison.TOKENS
    assert all(case.expected == "" and len(case.stdin.split()) == 2 for case in made.cases)


@pytest.mark.parametrize("texts", [[""], ["\n", "1\n"], ["x\n"]])
def test_texts_that_give_nothing_give_nothing(texts: list[str]) -> None:
    assert stdin_text.generate(texts, random.Random(0), 8) == []


def test_real_problems_mostly_get_inputs(shared_data: Path) -> None:
    problems = list(read(str(shared_data / "LeetCodeDataset-v0.3.0-test.jsonl.gz"), limit=40))
    found = [generate(one, 0) for one in problems]
    assert sum(tests is not None and len(tests.cases) >= 16 for tests in found) >= 35
