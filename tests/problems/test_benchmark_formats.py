"""EvalPlus, HumanEval-ET, MBPP sanitized, BigCodeBench and KodCode are read with all their tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prlcoder.problems.formats import FORMATS
from prlcoder.problems.formats.evalplus_code import published_calls
from prlcoder.problems.formats.mbpp_inputs import typed_arguments
from prlcoder.problems.formats.record import FieldError, Record
from prlcoder.problems.formats.test_code import pytest_statements
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Comparison, Tolerance
from prlcoder.problems.reading import read

EVALPLUS_ASSERTION = """\
import numpy as np

def is_floats(x) -> bool:
    return isinstance(x, float)

def assertion(out, exp, atol):
    exact_match = out == exp

    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if not exact_match and atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert exact_match

"""


def check_code(atol: str, results: str = "[3, inf]") -> str:
    return (
        f"{EVALPLUS_ASSERTION}\ndef check(candidate):\n    inputs = [[1, 2], [(3,), -4.0]]\n    results = {results}\n"
        f"    for i, (inp, exp) in enumerate(zip(inputs, results)):\n        assertion(candidate(*inp), exp, {atol})\n"
    )


def test_evalplus_own_file_has_the_canonical_solution_as_oracle(fixtures: Path) -> None:
    mean, zero = read(str(fixtures / "humanevalplus.jsonl"))
    assert mean.tests == CallTests(
        "mean_of",
        (CallTest(([1, 2],), {}, None), CallTest(([0.1, 0.2],), {}, None), CallTest(([5],), {}, None)),
        Comparison.EVALPLUS,
        Tolerance(absolute=1e-6, relative=1e-7),
        oracle=mean.canonical,
    )
    assert isinstance(zero.tests, CallTests)
    names: dict[str, Any] = {}
    exec(zero.tests.checker, names)
    assert names["check"]([[1, 2]], -0.5, None) is True
    assert names["check"]([[1, 2]], -0.501, None) is False


@pytest.mark.parametrize(
    ("function", "arguments", "result", "expected", "right"),
    [
        ("are_equivalent", [36, 57], True, False, True),  # every result counts
        ("sum_div", [8], 7, 7, True),
        ("sum_div", [8], 0, 7, True),
        ("sum_div", [8], 8, 7, False),
        ("surface_Area", [3, 4], 33, 33, True),
        ("surface_Area", [3, 4], 35, 33, True),  # 9 + 6 * sqrt(1.5**2 + 4**2) is 34.6
        ("surface_Area", [3, 4], 34, 33, False),
        ("digit_distance_nums", [123, 56], 6, 6, True),
        ("digit_distance_nums", [123, 56], 7, 6, True),  # 123 and 056: 1 + 3 + 3
        ("digit_distance_nums", [123, 56], 8, 6, False),
    ],
)
def test_tasks_with_several_right_results_have_a_checker(
    function: str, arguments: list[Any], result: Any, expected: Any, right: bool
) -> None:
    row = {"task_id": "Mbpp/0", "prompt": "p = 1\n", "canonical_solution": "x = 1\n", "entry_point": function}
    record = Record(row | {"base_input": [arguments], "plus_input": [], "atol": 0, "assertion": ""})
    tests = FORMATS["mbppplus"].parse(record).tests
    assert isinstance(tests, CallTests)
    names: dict[str, Any] = {}
    exec(tests.checker, names)
    assert names["check"](arguments, result, expected) is right


def test_evalplus_code_of_the_hub_becomes_calls(fixtures: Path, tmp_path: Path) -> None:
    cases = (CallTest((1, 2), {}, 3), CallTest(((3,), -4.0), {}, float("inf")))
    assert published_calls(check_code("0"), "f", "f") == CallTests("f", cases, Comparison.EVALPLUS)
    with_tolerance = published_calls(check_code("1e-06"), "f", "f")
    assert with_tolerance == CallTests("f", cases, Comparison.EVALPLUS, Tolerance(1e-6, 1e-7))
    row = json.loads((fixtures / "humaneval.jsonl").read_text().splitlines()[0])
    path = tmp_path / "plus.jsonl"
    path.write_text(json.dumps(row | {"test": check_code("0")}))
    (problem,) = read(str(path))
    assert (problem.source, type(problem.tests)) == ("humanevalplus", CallTests)


def test_evalplus_code_that_compares_sets_becomes_calls_that_give_sets() -> None:
    head, tail = EVALPLUS_ASSERTION.split("    exact_match = out == exp\n\n")
    tail = tail.replace("    if not exact", "    out = set(out)\n    exp = set(exp)\n    if not exact")
    tail = tail.replace("not exact_match and", "out != exp and").replace(
        "assert exact_match", "assert out == exp, 'no'"
    )
    loop = "for i, (inp, exp) in enumerate(zip(inputs, results)):\n    assertion(f(*inp), exp, 0)\n"
    source = f"{head}{tail}\ninputs = [[(3, 4)]]\nresults = [(4, 3)]\n{loop}"
    found = published_calls(source, "f", "f")
    cases = (CallTest(((3, 4),), {}, {3, 4}),)
    assert found == CallTests("lambda *arguments: set(f(*arguments))", cases, Comparison.EVALPLUS)


@pytest.mark.parametrize(
    "source",
    [
        check_code("0").replace("exact_match = out == exp", "exact_match = set(out) == set(exp)"),  # an own oracle
        check_code("0").replace("assertion(candidate(*inp), exp, 0)", "assert candidate(*inp) == exp"),
        check_code("0", results="[3, ref(4)]"),
        check_code("0", results="[3]"),
        "def check(candidate):\n    assert candidate(1) == 2\n",
    ],
)
def test_test_code_of_another_shape_is_left_as_it_is(source: str) -> None:
    assert published_calls(source, "f", "f") is None


def test_mbppplus_is_read_in_both_forms(fixtures: Path) -> None:
    double, similar = read(str(fixtures / "mbppplus.jsonl"))
    assert double.tests == CallTests(
        "double",
        (CallTest((2,), {}, 4), CallTest((0.1,), {}, 0.2), CallTest((float("inf"),), {}, float("inf"))),
        Comparison.EVALPLUS,
    )
    assert similar.tests == CallTests(
        "lambda *arguments: set(similar_elements(*arguments))",
        (CallTest(((3, 4), (5, 4)), {}, None), CallTest(((), (1,)), {}, None)),
        Comparison.EVALPLUS,
        oracle=similar.canonical,
    )
    assert (double.id, similar.id, similar.split) == ("604", "Mbpp/2", "test")


@pytest.mark.parametrize(
    ("task", "arguments", "expected"),
    [
        ("2", [[1, 2], [3]], ((1, 2), (3,))),
        ("63", [[[1, 2], [3, 4]]], ([(1, 2), (3, 4)],)),
        ("75", [[[1, 2]], 7], ([(1, 2)], 7)),
        ("106", [[1], [2]], ([1], (2,))),
        ("115", [[[1, 1], []]], ([{1}, {}],)),
        ("124", ["1", "2j"], (1.0, 2j)),
        ("252", ["1+2j"], (1 + 2j,)),
        ("259", [[[1], [2]], [[3]]], (((1,), (2,)), ((3,),))),
        ("278", [[1, [2, 3]]], ((1, (2, 3)),)),
        ("307", [[1, [2]], 0, [3]], ((1, [2]), 0, [3])),
        ("615", [[[1, [2]]]], (((1, (2,)),),)),
        ("722", [{"a": [1, 2]}, 3], ({"a": (1, 2)}, 3)),
        ("3", [[1]], ([1],)),
    ],
)
def test_types_that_json_lacks_are_restored_by_task(task: str, arguments: list[Any], expected: tuple[Any, ...]) -> None:
    assert typed_arguments(task, arguments) == expected


def test_humaneval_et_runs_its_asserts_and_then_check(fixtures: Path) -> None:
    both, asserts_only = read(str(fixtures / "humaneval-et.jsonl"))
    assert isinstance(both.tests, AssertTests)
    assert both.tests.source == (
        "assert mean_of([4]) == 4\nassert mean_of([2, 4]) == 3\n"
        "\ndef check(candidate):\n    assert candidate([1, 2]) == 1.5\n\ncheck(mean_of)\n"
    )
    assert asserts_only.tests == AssertTests("assert mean_of([4]) == 4\n", "mean_of", check=False)


def test_mbpp_sanitized_runs_its_imports_before_the_asserts(fixtures: Path) -> None:
    double, add_one = read(str(fixtures / "mbpp-sanitized.jsonl"))
    asserts = "assert double(2) == 4\nassert double(math.pi) == 6"
    assert double.tests == AssertTests(asserts, "double", check=False, setup="import math")
    assert isinstance(add_one.tests, AssertTests)
    assert (double.split, add_one.tests.setup) == ("train", "")


def test_bigcodebench_runs_its_test_cases_after_the_imports_of_its_prompt(fixtures: Path) -> None:
    (problem,) = read(str(fixtures / "bigcodebench.jsonl"))
    assert problem.preamble == "import math\nUNIT = 2\n"
    assert isinstance(problem.tests, AssertTests)
    assert problem.tests.source.endswith("loadTestsFromTestCase(TestCases).debug()\n")
    assert problem.canonical == problem.prompt + "    return math.floor(UNIT * sum(xs))\n"


def test_kodcode_calls_every_test_function(fixtures: Path) -> None:
    add, count = read(str(fixtures / "kodcode.jsonl"))
    assert isinstance(add.tests, AssertTests)
    assert isinstance(count.tests, AssertTests)
    assert (add.tests.entry_point, add.difficulty) == ("add", "easy")
    assert add.tests.source.endswith("for _case in test_add._cases:\n    test_add(*_case)\ntest_text()\n")
    assert "program" not in count.tests.source
    assert count.tests.source.endswith("_instance = TestCount()\n_instance.setup_method()\n_instance.test_two()\n")


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("x = 1\n", "test: has no test functions; name them test_..."),
        ("def test_a(tmp_path):\n    pass\n", "test: test_a needs the fixture tmp_path; fixtures are not supported"),
        ("def test_a(:\n", "test: is not Python"),
    ],
)
def test_pytest_code_that_cannot_run_is_refused(test: str, message: str) -> None:
    with pytest.raises(FieldError, match=f"^{message}"):
        pytest_statements(test, "test")


def test_an_imported_name_may_have_an_alias() -> None:
    source, names = pytest_statements("from solution import add as plus\ndef test_a():\n    assert plus(1) == 1\n", "t")
    assert names == ["add"]
    assert source.startswith("plus = add\n")


def test_every_format_of_the_contract_is_there() -> None:
    assert set(FORMATS) == {
        "apps",
        "appsplus",
        "humaneval",
        "humanevalplus",
        "humaneval-et",
        "mbpp",
        "mbpp-sanitized",
        "mbppplus",
        "livecodebench",
        "bigcodebench",
        "leetcode",
        "taco",
        "codecontests",
        "kodcode",
        "verifiable",
        "verl",
        "prlcoder",
    }


def test_a_record_of_evalplus_without_inputs_is_named() -> None:
    row = {"task_id": "Own/0", "prompt": "p = 1\n", "canonical_solution": "x = 1\n", "entry_point": "f"}
    for inputs, message in (([], "base_input: is empty"), ([3], r"base_input\[0\]: a list of arguments was expected")):
        with pytest.raises(FieldError, match=message):
            FORMATS["humanevalplus"].parse(Record(row | {"base_input": inputs, "plus_input": []}))
