"""The 13 reducers: each ends the function by returning a value computed from the list ``{v}``.

The first bug of each is its most frequent one. ``transforms`` counts the habits of both tables.
"""

from __future__ import annotations

from prlcoder.problems.nano.operation import OFTEN, SELDOM, SOMETIMES, SUMMANDS, Operation

REDUCERS = (
    Operation(
        name="sum",
        clause="return the sum",
        code="return sum({v})",
        bugs=(("{v}", "{v}[1:]"), ("sum", "len"), ("{v}", "{v}, 1")),
        habit=SELDOM,
    ),
    Operation(
        name="product",
        clause="return the product",
        code="total = 1\nfor x in {v}:\n    total *= x\nreturn total",
        bugs=(("= 1", "= 0"), ("*=", "+="), ("return total", "    return total")),
        habit=OFTEN,
    ),
    Operation(
        name="maximum",
        clause="return the maximum or 0",
        code="return max({v}, default=0)",
        bugs=(("max", "min"), (", default=0", ""), ("=0", "=-1")),
        habit=SOMETIMES,
    ),
    Operation(
        name="minimum",
        clause="return the minimum or 0",
        code="return min({v}, default=0)",
        bugs=((", default=0", ""), ("min", "max"), ("=0", "=1")),
        habit=SELDOM,
    ),
    Operation(
        name="length",
        clause="return the length",
        code="return len({v})",
        bugs=(("len({v})", "len({v}) - 1"), ("len", "sum")),
        habit=SOMETIMES,
    ),
    Operation(
        name="count_above",
        clause="return how many are greater than {c}",
        code="return sum(1 for x in {v} if x > {c})",
        bugs=((">", ">="), ("1 for", "x for"), (">", "<")),
        habit=SOMETIMES,
        constants=SUMMANDS,
    ),
    Operation(
        name="count_below",
        clause="return how many are less than {c}",
        code="return sum(1 for x in {v} if x < {c})",
        bugs=(("1 for", "x for"), ("<", "<="), ("<", ">")),
        habit=SELDOM,
        constants=SUMMANDS,
    ),
    Operation(
        name="last",
        clause="return the last item or -1",
        code="return {v}[-1] if {v} else -1",
        bugs=(("else -1", "else 0"), ("[-1]", "[0]")),
        habit=OFTEN,
    ),
    Operation(
        name="first",
        clause="return the first item or -1",
        code="return {v}[0] if {v} else -1",
        bugs=(("[0]", "[-1]"), ("else -1", "else 0"), ("[0]", "[1]")),
        habit=SELDOM,
    ),
    Operation(
        name="join",
        clause="return the items joined by dashes",
        code='return "-".join(str(x) for x in {v})',
        bugs=(('"-"', '","'), ("in {v}", "in {v}[::-1]"), ('"-"', '""')),
        habit=OFTEN,
    ),
    Operation(
        name="list",
        clause="return the list",
        code="return {v}",
        bugs=(("{v}", "{v}[1:]"), ("{v}", "{v}[:-1]"), ("{v}", "len({v})")),
        habit=SELDOM,
    ),
    Operation(
        name="index_above",
        clause="return the index of the first item greater than {c} or -1",
        code="for i, x in enumerate({v}):\n    if x > {c}:\n        return i\nreturn -1",
        bugs=(("return i", "return x"), (">", ">="), ("-1", "0")),
        habit=SOMETIMES,
        constants=SUMMANDS,
    ),
    Operation(
        name="alternating_sum",
        clause="return the alternating sum",
        code="return sum({v}[::2]) - sum({v}[1::2])",
        bugs=((" - ", " + "), ("1::2", "::2"), ("sum({v}[::2]) - sum({v}[1::2])", "sum({v}[1::2]) - sum({v}[::2])")),
        habit=OFTEN,
    ),
)
