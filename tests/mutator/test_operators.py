"""Every operator does what its row in the catalogue says, and finds nothing where its precondition fails."""

from __future__ import annotations

import builtins
import keyword
import re
from pathlib import Path

import pytest

from prlcoder.mutator.equivalence import fingerprint
from prlcoder.mutator.rules import MUTATIONS, REFACTORINGS, BugClass, Operator
from prlcoder.mutator.rules.catalogue import markdown
from prlcoder.mutator.rules.edits import Span, splice, within
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.refactorings.names import ANY, SYNONYMS

OPERATORS = {**MUTATIONS, **REFACTORINGS}


def rewrites(operator: Operator, source: str) -> list[str]:
    """All programs that one operator makes of ``source``, whatever the teacher would say of them."""
    program, whole = ProgramAnalysis(source), Span(0, len(source))
    return [
        splice(source, whole, edits)
        for kind in operator.sites
        for node in program.sites(whole).get(kind, ())
        for edits in operator.rewrite(node, program)
        if within(whole, edits)
    ]


def test_new_names_hide_nothing() -> None:
    names = {*ANY, *(name for synonyms in SYNONYMS.values() for name in synonyms)}
    assert not names & {*keyword.kwlist, *vars(builtins)}


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=lambda operator: operator.name)
def test_turns_its_example_into_its_result(operator: Operator) -> None:
    assert operator.after in rewrites(operator, operator.before)


def test_the_catalogue_page_is_in_step_with_the_registry() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "operators.md"
    assert page.read_text(encoding="utf-8") == markdown()


def test_names_are_stable_identifiers() -> None:
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in OPERATORS)
    assert len(MUTATIONS) >= 20
    assert len(REFACTORINGS) >= 8


@pytest.mark.parametrize("operator", MUTATIONS.values(), ids=lambda operator: operator.name)
def test_a_mutation_has_a_bug_class_and_changes_the_code(operator: Operator) -> None:
    assert operator.bug_class is not None
    if operator.bug_class is BugClass.SYNTAX:
        with pytest.raises(SyntaxError):
            fingerprint(operator.after)
    else:
        assert fingerprint(operator.before) != fingerprint(operator.after)


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("comparison-boundary", "x = a < b <= c", ["x = a <= b <= c", "x = a < b < c"]),
        ("comparison-negation", "x = (a) is  not (b)", ["x = (a) is (b)"]),
        ("comparison-negation", "x = y not in z", ["x = y in z"]),
        ("boolean-connective", "x = a and b and c", ["x = a or b and c", "x = a and b or c"]),
        ("condition-missing", "x = (a or b) and c", ["x = (a or b)", "x = a and c", "x = b and c", "x = c"]),
        ("negation-missing", "x = not(a)", ["x = (a)"]),
        ("filter-missing", "[y for y in z if (y)\n if w]", ["[y for y in z\n if w]", "[y for y in z if (y)]"]),
        ("constant-off-by-one", "x = -1", ["x = 0", "x = 1"]),
        ("constant-off-by-one", "x = y + 1", ["x = y + 2"]),  # nobody writes y + 0
        ("constant-off-by-one", "x = 1000000007", []),
        ("range-bound", "r = range(n-1)", ["r = range(1, n-1)", "r = range(n)"]),
        ("range-bound", "r = range(i+1, n)", ["r = range(i, n)", "r = range(i+1, n-1)", "r = range(i+1, n+1)"]),
        ("index-offset", "x = a[i-2]", ["x = a[i-1]", "x = a[i-3]"]),
        ("index-offset", "x = a['k']", []),
        ("slice-bound", "x = a[1:]", ["x = a[2:]", "x = a[0:]"]),
        ("arithmetic-operator", "x = 'a' + s", []),  # str - str would never survive a first run
        ("modulo-missing", "x = 2 * ((a + b) % m)", ["x = 2 * ((a + b))"]),
        ("precedence", "x = (a + b) * (c)", ["x = a + b * (c)"]),
        ("augmented-as-plain", "x //= 2", ["x = 2"]),
        ("sort-order", "y = sorted(x, key=f, reverse=True)", ["y = sorted(x, key=f)"]),
        ("sort-order", "x.sort()", ["x.sort(reverse=True)"]),
        ("sort-key-missing", "x.sort(key=f, reverse=True)", ["x.sort(reverse=True)"]),
        ("conversion-missing", "x = 2 * int(a + b)", ["x = 2 * (a + b)"]),
        ("statement-missing", "if a:\n    go()", []),  # its body would be empty
        ("statement-missing", "go()\nend()  # last", ["end()  # last", "go()"]),
        ("statement-missing", "while n:\n    n -= 1\n    go()", ["while n:\n    n -= 1"]),
        ("guard-missing", "if a:\n    go()\nend()", []),
        ("statements-swapped", "a = 1\nb = 2", []),
        ("return-early", "def f():\n\tfor x in y:\n\t\tx\n\treturn", ["def f():\n\tfor x in y:\n\t\tx\n\t\treturn"]),
        ("elif-as-if", "if a:\n    go()\nelse:\n    if b:\n        go()", []),
        ("else-missing", "if a:\n    x = 1\nelse:  # why\n    x = 2", []),
        ("min-max", "def min(a): pass\nx = min(a)", []),  # the program's own min
        ("condition-always", "if a:\n    go()\nelse:\n    end()", []),
        ("accumulator-reset", "n = 0\nwhile n < 9:\n    n += 1", []),  # it would never end
        ("rows-shared", "g = [[i] for i in range(n)]", []),  # rows that differ
        ("default-missing", "d = defaultdict(list)", ["d = defaultdict(int)"]),
        ("elif-missing", "if a:\n    go()", []),
        ("break-missing", "for x in y:\n    break", []),  # its body would be empty
    ],
)
def test_mutation(name: str, source: str, expected: list[str]) -> None:
    assert sorted(rewrites(MUTATIONS[name], source)) == sorted(expected)


def test_wrong_variables_are_visible_bound_before_and_of_a_like_type() -> None:
    source = (
        "def f(n: int, s: str, xs: list[int]):\n    m = n + 1\n    for i in range(m):\n        k = i\n    late = 0\n"
    )
    found = rewrites(MUTATIONS["variable-swapped"], source)
    wrong = {text.splitlines()[3] for text in found if text.splitlines()[3] != "        k = i"}
    assert wrong == {"        k = m", "        k = n"}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("augmented-expand", "def f(xs: list):\n    xs += [1]"),  # changes the caller's list
        ("augmented-expand", "def f(x):\n    x += 1"),  # might be a list or an array
        ("augmented-contract", "def f(x):\n    x = x + 1"),
        ("augmented-contract", "x = 1\nx = x + 1 + 2.5"),  # another order of additions
        ("comparison-flip", "x = f() < g()"),
        ("comparison-flip", "x = a[i] < b[j]"),  # a defaultdict grows when read
        ("comparison-flip", "x = a == 0"),
        ("rename-local", "def f(a):\n    return a"),  # parameters may be passed by name
        ("rename-local", "def f():\n    i = 1\n    return locals()"),
        ("rename-local", "def f():\n    i = 1\n    return f'{i}'"),
        ("rename-local", "def f():\n    i = 1\n    def g():\n        nonlocal i"),
        ("rename-local", "i = 1"),
        ("operands-commuted", "def f(a: str, b: str):\n    return a + b"),
        ("operands-commuted", "def f(a: int, b: int):\n    return a // 2 * b"),
        ("assignment-split", "a, b = b, a"),
        ("assignment-split", "a, b = f(), 1"),
        ("return-inlined", "def f(x):\n    y = g(x)\n    h(y)\n    return y"),
        ("return-inlined", "def f(x):\n    global y\n    y = g(x)\n    return y"),
        ("return-named", "def f(x):\n    return x"),
        ("branches-exchanged", "if a:\n    x = 1\nelif b:\n    x = 2"),
        ("else-flattened", "if a:\n    x = 1\nelse:\n    x = 2"),
        ("else-added", "def f(a):\n    if a:\n        return 1\n    go()\n    return 2"),
        ("elif-after-return", "def f(a):\n    if a:\n        go()\n    elif b:\n        return 1"),
        ("ifs-merged", "if a:\n    if b:\n        go()\n    else:\n        end()"),
        ("if-split", "if a or b:\n    go()"),
        ("range-as-while", "def f(n):\n    for i in range(n):\n        if i:\n            continue\n        go(i)"),
        ("range-as-while", "def f(n):\n    for i in range(n):\n        go(i)\n    return i"),
        ("range-as-while", "def f(n):\n    for i in range(n):\n        n -= 1"),
        ("range-as-while", "def f(xs):\n    for i in range(len(xs)):\n        xs.append(i)"),
        ("range-as-while", "def f(n, fs):\n    for i in range(n):\n        fs.append(lambda: i)"),
        ("range-as-while", "for i in range(3):\n    go(i)"),  # a global stays visible
        ("comprehension-as-loop", "def f(xs, x):\n    ys = [x for x in xs]\n    return ys, x"),
        ("comprehension-as-loop", "def f(ys):\n    ys = [y for y in ys]"),
        ("comprehension-as-loop", "def f(xs):\n    ys = [lambda: x for x in xs]"),
        ("emptiness", "if len(xs) == 0:\n    go()"),
        ("square", "def f(x):\n    return x ** 2"),
        ("de-morgan", "x = not (a and b)"),
        ("negated-comparison", "x = not a < b"),  # NaN, sets
        ("chain-split", "x = 0 <= f() < 3"),
        ("temporary-extracted", "x = a and g(b + 1)"),  # may not be evaluated
        ("temporary-extracted", "x[a + 1] = g(b)"),
        ("temporary-extracted", "x = [f(a + y) for y in z]"),
        ("temporary-inlined", "def f(a):\n    b = g(a)\n    return h() + b"),  # another order of calls
        ("temporary-inlined", "def f(a):\n    b = a + 1\n    go()\n    c = g(b)"),
        ("temporary-inlined", "def f(a):\n    b = a + 1\n    c = [b for x in a]"),
        ("swap-through-temporary", "a, b = b, c"),
        ("get-as-choice", "def f(d):\n    return d.get(1, 0)"),
        ("get-as-choice", "d = {}\nx = d.get(f(), 0)"),
        ("halving", "def f(x: float):\n    return x // 2"),
        ("string-format", "x = f'{a:.2f}'"),
        ("string-format", "x = '{0}'.format(a)"),
        ("loop-as-comprehension", "def f(xs):\n    ys = []\n    for x in xs:\n        ys.append(len(ys))"),
        ("loop-as-comprehension", "def f(xs):\n    ys = []\n    for x in xs:\n        ys.append(x)\n    return x"),
        ("loop-as-comprehension", "def f(xs, ys):\n    for x in xs:\n        ys.append(x)"),
        ("index-as-enumerate", "def f(xs: list):\n    for i in range(len(xs)):\n        xs[i] += 1"),
        ("index-as-enumerate", "def f(xs: list):\n    for i in range(len(xs)):\n        go(xs[i], xs[i - 1])"),
        ("index-as-enumerate", "def f(xs: dict):\n    for i in range(len(xs)):\n        go(xs[i])"),
        ("while-as-range", "def f(n):\n    i = 0\n    while i < n:\n        go(i)\n        i += 1\n    return i"),
        ("while-as-range", "def f(n):\n    i = 0\n    while i < n:\n        i = g(i)\n        i += 1"),
        ("while-as-range", "def f(n):\n    i = 0\n    while i < n:\n        n -= 1\n        i += 1"),
        ("returns-as-choice", "def f(c):\n    if c:\n        return 1, 2\n    return 3"),
        ("de-morgan-joined", "x = not a or not b"),
    ],
)
def test_a_refactoring_leaves_alone_what_its_precondition_excludes(name: str, source: str) -> None:
    assert rewrites(REFACTORINGS[name], source) == []
