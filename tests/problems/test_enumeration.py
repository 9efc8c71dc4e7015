"""Programs that list their answers, at and around the thresholds."""

from __future__ import annotations

import pytest

from prlcoder.executor import Executor, ResourceLimits
from prlcoder.problems.enumeration import MAX_EQUAL_ENTRIES, enumeration
from prlcoder.problems.model import CallTest, CallTests, Problem
from prlcoder.supervision.labelling import Labelled, verify

CODE = "    total = sum(value * weight for value, weight in zip(values, weights) if value > weight)\n" * 4


def branches(count: int) -> str:
    lines = "".join(f"    if n == {n}:\n        return {n * n}\n" for n in range(count))
    return f"def f(n):\n{lines}    return None\n"


def chain(count: int) -> str:
    tests = "".join(f"    {'el' if n else ''}if n == {n}:\n        x = '{n}'\n" for n in range(count))
    return f"def f(n):\n{tests}    return x\n"


def cases(count: int) -> str:
    inner = "".join(f"        case {n}:\n            return [{', '.join(['1'] * n)}]\n" for n in range(count))
    return f"def f(n):\n    match n:\n{inner}"


def assignments(count: int) -> str:
    return "d = {}\n" + "".join(f"d[{-n}] = ('a', {n})\n" for n in range(count)) + "print(d[int(input())])\n"


@pytest.mark.parametrize("program", [branches, chain, cases, assignments])
def test_more_than_eight_siblings_equal_up_to_literals_are_an_enumeration(program: object) -> None:
    assert MAX_EQUAL_ENTRIES == 8
    assert callable(program)
    assert enumeration(program(8)) is None
    assert enumeration(program(9)) == "9 sibling statements are equal up to literals"


@pytest.mark.parametrize(
    "program",
    [
        "".join(f"v{n} = 0\n" for n in range(20)),  # names differ
        "x = 0\n" * 4 + "y = 0\n" * 8,
        "x.append(int(input()))\n" * 20,  # equal, but there is nothing in them that could be an answer
        "".join(f"import m{n}\n" for n in range(20)),
        "".join(f"def f{n}():\n    return {n}\n" for n in range(20)),
        "if a:\n" + "    x = 1\n" * 5 + "else:\n" + "    x = 1\n" * 5,  # two bodies are not siblings
        "not python (",
        "",
    ],
)
def test_what_is_alike_otherwise_is_not_an_enumeration(program: str) -> None:
    assert enumeration(program) is None


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("t=[1,2,3,4,5,6,7,8]\n", None),  # eight entries are not a table yet
        ("t=[1,2,3,4,5,6,7,8,9]\n", "19 characters of literal tables, 2 of other code"),
        ("t={1:2,3:4,5:6,7:8,-9:1}\n", "22 characters of literal tables, 2 of other code"),
        ("abcdefghijklmnopqrs=1,2,3,4,5,6,7,8,9\n", None),  # 17 against 20
        ("abcdefghijklmno=1,2,3,4,5,6,7,8,9\n", "17 characters of literal tables, 16 of other code"),
        ("abcdefghijklmnop=1,2,3,4,5,6,7,8,9\n", None),  # 17 against 17: not larger
        ("t=[[1,2],[3,4],[5,6],[7,8],[9]]\n", "29 characters of literal tables, 2 of other code"),
        ("t=[a,1,2,3,4,5,6,7,8,9]\n", None),  # not all of it is literal
        ("t=['ä','ö','ü','ß','é','è','ê','á','à'];u=1\n", "37 characters of literal tables, 6 of other code"),
        (f"def f(values, weights):\n{CODE}    return [1, 2, 3, 4, 5, 6, 7, 8, 9][total]\n", None),
        (
            '"""' + "long " * 50 + '"""\nt=[1,2,3,4,5,6,7,8,9]  # ' + "c" * 90,
            "19 characters of literal tables, 2 of other code",
        ),
    ],
)
def test_tables_are_weighed_against_the_other_code(program: str, found: str | None) -> None:
    assert enumeration(program) == found


def test_deep_and_long_programs_are_looked_at_in_no_time_and_without_an_exception() -> None:
    assert enumeration("x = " + "-" * 50_000 + "1") is None
    assert enumeration("x = " + "(" * 150 + ")" * 150) is None
    assert enumeration(f"x = [{', '.join(['[1, 2, 3, 4, 5, 6, 7, 8, 9]'] * 1_000)}]\n") is not None


@pytest.mark.needs_sandbox
def test_supervision_quarantines_an_enumeration_without_running_it() -> None:
    tests = CallTests("f", (CallTest((2,), {}, 4),))
    listed = Problem(id="listed", statement="s", tests=tests, solutions=(branches(9),))
    computed = Problem(id="computed", statement="s", tests=tests, solutions=("def f(n):\n    return n * n\n",))
    labelled = Labelled()
    with Executor(workers=1) as executor:
        verify(labelled, [listed, computed], "line", executor, ResourceLimits())
    assert labelled.quarantine == [
        {"problem_id": "listed", "reason": "enumeration", "detail": "9 sibling statements are equal up to literals"}
    ]
    assert [each.problem.id for each in labelled.verified] == ["computed"]
    assert labelled.executions == 1
