"""The teacher's pure parts: reading answers, fitting them into a program, waiting, and what things cost."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import pytest

from prlcoder.mutator.llm.answers import ProposedText, candidates, without_thoughts
from prlcoder.mutator.llm.breaker import Breaker
from prlcoder.mutator.llm.completions import (
    Dialect,
    LlmCompletion,
    LlmTokenUsage,
    MalformedAnswerError,
    Question,
    parse,
)
from prlcoder.mutator.llm.costs import Budget, estimate, price, render
from prlcoder.mutator.llm.prompts import BUGS, question, templates_digest
from prlcoder.mutator.llm.rate_limits import Backoff, Bucket, retry_after_s
from prlcoder.mutator.llm.reindent import reindented
from prlcoder.mutator.llm.validate_proposals import ProposalValidator, UnfitError
from prlcoder.mutator.model import RewriteSite, VariantKind
from prlcoder.segmenter import segment
from prlcoder.spec import LlmTeacher

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
SOURCE = '''\
import math

def area(sides):
    total = 0
    # every side once
    for side in sides:
        total += side * side  # squared
    text = """a
  b"""
    return total
'''


def place(text: str, source: str = SOURCE, mode: str = "line") -> RewriteSite:
    """The place of the segment that holds ``text``."""
    parts = segment(source, mode)  # type: ignore[arg-type]
    (index,) = (i for i, part in enumerate(parts) if text in part.text)
    return RewriteSite("p", "Sum the squares.", source, parts, index)


def fit(where: str, text: str, kind: VariantKind = "mutation", bug: str = "", source: str = SOURCE) -> str:
    return ProposalValidator(place(where, source)).fit(ProposedText(text, bug), kind).text


def answer(content: str, reasoning: str = "", finish_reason: str = "stop") -> LlmCompletion:
    return LlmCompletion(content, reasoning, finish_reason, LlmTokenUsage())


def texts(content: str, **more: str) -> list[str]:
    return [candidate.text for candidate in candidates(answer(content, **more))]


VARIANTS = '{"variants": [{"bug": "condition", "segment": "a"}, {"bug": "x", "segment": "b\\n"}]}'


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (VARIANTS, ["a", "b\n"]),
        (f"Here you are:\n```json\n{VARIANTS}\n```\nGood luck!", ["a", "b\n"]),
        (f"Sure. {VARIANTS} Anything else?", ["a", "b\n"]),
        (f'<think>maybe {{"segment": "no"}}</think>\n{VARIANTS}', ["a", "b\n"]),
        (f'maybe {{"segment": "no"}}</think>{VARIANTS}', ["a", "b\n"]),
        (VARIANTS[:-6], ["a"]),  # cut off inside the second
        ('[{"segment": "a"}, {"segment": "b"}]', ["a", "b"]),
        ('{"variants": [{"segment": "```python\\nx = 1\\n```"}]}', ["x = 1"]),
        ('{"variants": [{"segment": "x = 1\n    y"}]}', ["x = 1\n    y"]),  # a raw newline in the string
        ("First:\n```python\na = 1\n```\nor\n```\na = 2\n```", ["a = 1\n", "a = 2\n"]),
        ('{"variants": [{"segment": 3}, null, 7]}', []),
        ("I cannot help with that.", []),
        ("<think>and so on", []),
        ("", []),
        ("[" * 100_000, []),
    ],
)
def test_the_segments_in_an_answer(content: str, expected: list[str]) -> None:
    assert texts(content) == expected


def test_an_answer_that_was_taken_for_thought_is_read_there() -> None:
    assert texts("", reasoning=f"Let me see.</think>{VARIANTS}") == ["a", "b\n"]
    assert texts("", reasoning=VARIANTS, finish_reason="length") == []  # a thought that did not end is no answer
    assert texts('{"variants": []}', reasoning=VARIANTS) == []


def test_thoughts_are_left_out() -> None:
    assert without_thoughts("a<think>b</think>c<THINK>d</THINK>e") == "ace"


def test_the_bug_classes_become_operators() -> None:
    fitting = ProposalValidator(place("total = 0"))
    assert fitting.fit(ProposedText("total = 1", "constant value"), "mutation").operator == "llm-constant-value"
    assert fitting.fit(ProposedText("total = 2", "my own"), "mutation").operator == "llm-mutation"
    assert fitting.fit(ProposedText("total = int()", ""), "refactoring").operator == "llm-refactoring"


@pytest.mark.parametrize(
    "text", ["    total = 1\n", "total = 1", "\n\n  total = 1  \n\n", "\ttotal = 1", "total = 1\r\n"]
)
def test_indentation_and_line_end_are_the_segment_s(text: str) -> None:
    assert fit("total = 0", text) == "    total = 1\n"


BLOCK = """\
def f(a):
    if a:
        a += 1
        a *= 2
    return a
"""


@pytest.mark.parametrize(
    "text",
    [
        "    if not a:\n        a += 1\n        a *= 2\n",  # as it stands there
        "if not a:\n    a += 1\n    a *= 2\n",  # from column 0
        "if not a:\n        a += 1\n        a *= 2\n",  # the first line's indentation lost
        "if not a:\n\ta += 1\n\ta *= 2\n",  # tabs
        "# wrong on purpose\nif not a:\n\n    a += 1  # why not\n    # here too\n    a *= 2\n",  # added comments
    ],
)
def test_a_block_is_read_in_each_way_that_models_indent(text: str) -> None:
    where = RewriteSite("p", "", BLOCK, parts := segment(BLOCK, "block"), 1)
    assert parts[1].text.startswith("    if a:")
    wanted = parts[1].text.replace("if a", "if not a")
    assert ProposalValidator(where).fit(ProposedText(text, ""), "mutation").text == wanted


def test_lines_inside_a_string_are_not_moved() -> None:
    *_, moved = reindented('x = """a\n b"""\nif y:\n    z', "  ")
    assert moved == '  x = """a\n b"""\n  if y:\n      z'
    assert fit("text = ", 'text = """c\n  b"""') == '    text = """c\n  b"""\n'


def test_comments_of_the_segment_stay_and_others_go() -> None:
    assert fit("squared", "total -= side * side  # squared") == "        total -= side * side  # squared\n"
    with pytest.raises(UnfitError, match="comments_changed"):
        fit("squared", "total -= side * side")
    assert fit("total = 0", "total = 1  # wrong!") == "    total = 1\n"
    assert fit("for side", "for side in sides[1:]:") == "    # every side once\n    for side in sides[1:]:\n"


@pytest.mark.parametrize(
    ("where", "text", "reason"),
    [
        ("total = 0", "   \n\n", "empty"),
        ("total = 0", "total = 0", "identical"),
        ("total = 0", "total  =  (0)", "identical"),
        ("total = 0", "total = ", "does_not_parse"),
        ("total = 0", "total = 1\x00", "does_not_parse"),
        ("total = 0", "(" * 90, "does_not_parse"),
        ("total = 0", "The bug is in the loop.", "does_not_parse"),
        ("total = 0", SOURCE.replace("= 0", "= 1"), "whole_program"),
        ("total = 0", "def area(sides):\n    total = 1\n", "whole_program"),
        ("total = 0", "return total", "other_segment"),
        ("return total", "return total\n" * 40, "too_long"),
        ("total = 0", "import os\n    total = 1", "imports"),
        ("total = 0", "total = open('x')", "foreign_call"),
        ("total = 0", "total = exec('x')", "foreign_call"),
        ("total = 0", '"""Start at one."""\n    total = 1', "docstring_added"),
    ],
)
def test_what_does_not_fit_is_not_used(where: str, text: str, reason: str) -> None:
    with pytest.raises(UnfitError, match=f"^{reason}$"):
        fit(where, text)


def test_the_lines_around_a_segment_are_not_a_part_of_it() -> None:
    where = RewriteSite("p", "", BLOCK, segment(BLOCK, "line"), 2)
    assert where.segments[2].text == "        a += 1\n"
    with pytest.raises(UnfitError, match="other_lines"):
        ProposalValidator(where).fit(ProposedText("a += 2\na *= 2", ""), "mutation")
    with pytest.raises(UnfitError, match="other_lines"):
        ProposalValidator(where).fit(ProposedText("    if a:\n        a += 2", ""), "mutation")


LOOP = """\
def f(a):
    for b in a:
        if b:
            return True
    return False
"""


@pytest.mark.parametrize("text", ["return False", "            return False"])
def test_a_rewrite_may_equal_another_segment_that_is_much_like_it(text: str) -> None:
    assert fit("return True", text, source=LOOP) == "            return False\n"


def test_a_deeper_line_that_parses_is_meant_to_be_deeper() -> None:
    assert fit("return False", "        return False", source=LOOP) == "        return False\n"


def test_what_fits_once_does_not_fit_again() -> None:
    fitting = ProposalValidator(place("total = 0"))
    fitting.fit(ProposedText("total = 1", ""), "mutation")
    for text in ("total = 1", "total = (1)"):
        with pytest.raises(UnfitError, match="identical"):
            fitting.fit(ProposedText(text, ""), "refactoring")


def test_a_mutation_of_the_same_byte_code_is_none() -> None:
    with pytest.raises(UnfitError, match="identical"):
        fit("total = 0", "total = 1 - 1")  # the compiler folds it
    assert fit("total = 0", "total = 1 - 1", kind="refactoring") == "    total = 1 - 1\n"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Sat, 21 Nov 2026 12:01:30 GMT"}, 90.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NOW) == seconds


def test_waits_grow_and_are_drawn_below_their_bound() -> None:
    backoff, rng = Backoff(first_s=1.0, most_s=10.0), random.Random(0)
    for attempt, bound in ((0, 1.0), (1, 2.0), (3, 8.0), (4, 10.0), (10_000, 10.0)):
        waits = [backoff.wait(attempt, rng) for _ in range(200)]
        assert 0.0 <= min(waits) < 0.2 * bound
        assert 0.8 * bound < max(waits) <= bound


def test_a_rate_of_60_a_minute_lets_one_go_each_second() -> None:
    now = 0.0
    bucket = Bucket(60, lambda: now)
    assert [bucket.take(1) for _ in range(4)] == [0.0, 1.0, 2.0, 3.0]
    now = 3.0
    assert bucket.take(1) == 1.0
    now = 100.0  # rest does not add up beyond the burst
    assert [bucket.take(1), bucket.take(1)] == [0.0, 1.0]
    bucket.take(-1)
    assert bucket.take(1) == 1.0


def test_the_breaker_opens_rests_and_lets_one_try() -> None:
    now = 0.0
    breaker = Breaker(2, cooldown_s=10.0, clock=lambda: now)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.admits()
    breaker.failed()
    assert breaker.is_open
    assert not breaker.admits()
    now = 10.0
    assert breaker.admits()
    assert not breaker.admits()  # one at a time
    breaker.failed()
    now = 19.0
    assert not breaker.admits()
    now = 20.0
    assert breaker.admits()
    breaker.abandoned()
    assert breaker.admits()
    breaker.succeeded()
    assert not breaker.is_open


ASKED = Question("m", "x" * 35, {}, 1.0, 100, 7, expected_tokens=20)


def body(message: object, **more: object) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], **more}).encode()


def test_a_completion_is_read_in_every_dialect() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}}
    full = parse(body({"content": "a", "reasoning_content": "b"}, usage=usage), ASKED)
    assert full == LlmCompletion("a", "b", "stop", LlmTokenUsage(5, 9, 4))
    assert parse(body({"content": None, "reasoning": "b"}, usage=usage), ASKED).reasoning == "b"
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "c"}]
    assert parse(body({"content": parts}), ASKED).content == "ac"
    assert parse(body({"content": "\ud800"}), ASKED).content == "?"
    uncounted = parse(body({"content": "x" * 7, "reasoning": "y" * 14}), ASKED)
    assert uncounted.usage == LlmTokenUsage(prompt=10, completion=6, reasoning=4)  # 3.5 characters a token


@pytest.mark.parametrize("counted", [{}, [], {"prompt_tokens": "7"}, {"prompt_tokens": 10**30}, {"prompt_tokens": -1}])
def test_token_counts_that_make_no_sense_are_estimated(counted: object) -> None:
    assert parse(body({"content": "x" * 7}, usage=counted), ASKED).usage == LlmTokenUsage(10, 2, 0)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff\xfe", b'{"choices": []}', b'{"error": "busy"}', b"[" * 99_999]
)
def test_what_is_no_completion_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        parse(text, ASKED)


def test_what_an_endpoint_refuses_is_left_out_next_time() -> None:
    dialect = Dialect()
    assert set(dialect.body(ASKED)) == {"model", "messages", "max_tokens", "temperature", "seed", "response_format"}
    plain = dialect.simpler("This response_format type is unavailable now")
    assert plain is not None
    assert set(plain.body(ASKED)) == {"model", "messages", "max_tokens", "temperature", "seed"}
    assert plain.simpler("no idea") is None
    reasoning = dialect.simpler("'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")
    assert reasoning is not None
    assert reasoning.body(ASKED)["max_completion_tokens"] == 100
    cold = reasoning.simpler("Unsupported value: 'temperature' does not support 0.2 with this model.")
    assert cold is not None
    assert set(cold.body(ASKED)) == {"model", "messages", "max_completion_tokens", "seed", "response_format"}


def settings(**changes: object) -> LlmTeacher:
    return LlmTeacher.model_validate(
        {
            "kind": "llm",
            "baseUrl": "http://x/v1",
            "model": "m",
            "pricePerMillionPrompt": 2.0,
            "pricePerMillionCompletion": 10.0,
            **changes,
        }
    )


def test_the_estimate_is_the_sum_of_what_is_not_kept() -> None:
    plan = estimate(
        settings(requestsPerMinute=4, tokensPerMinute=1000), [(ASKED, False), (ASKED, True), (ASKED, False)]
    )
    assert (plan.requests, plan.kept) == (3, 1)
    assert (plan.expected, plan.most) == (LlmTokenUsage(20, 40), LlmTokenUsage(20, 200))  # 35 characters are 10 tokens
    assert plan.cost == pytest.approx((0.00044, 0.00204))
    assert plan.minutes == 0.5
    assert "3 requests, 1 of them answered already, 2 to ask" in render(plan)


def test_prices_and_budgets() -> None:
    assert price(LlmTokenUsage(1_000_000, 500_000, 400_000), settings()) == 7.0
    assert price(LlmTokenUsage(1, 1), settings(pricePerMillionPrompt=None, pricePerMillionCompletion=None)) is None
    budget = Budget(settings(budget={"tokens": 100}), LlmTokenUsage(50, 10))
    budget.reserve(ASKED)  # 10 + 20
    assert budget.exceeded() is None
    budget.reserve(ASKED)
    assert budget.exceeded() == "budget.tokens (100) is used up"
    budget.settle(ASKED, LlmTokenUsage())
    assert budget.exceeded() is None
    budget.settle(ASKED, LlmTokenUsage(30, 30))
    assert budget.exceeded() is not None
    assert Budget(settings(budget={"cost": 0.1}), LlmTokenUsage(0, 10_000)).exceeded() == "budget.cost (0.1) is used up"


@pytest.mark.parametrize(
    "changes",
    [
        {"baseUrl": "ftp://x"},
        {"baseUrl": "http://me:secret@x/v1"},
        {"apiKeyEnv": "sk-1234"},
        {"mutations": 0, "refactorings": 0},
        {"pricePerMillionCompletion": None},
        {"budget": {"cost": 1}, "pricePerMillionPrompt": None, "pricePerMillionCompletion": None},
    ],
)
def test_settings_that_contradict_themselves_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        settings(**changes)


def test_a_prompt_holds_the_task_the_program_and_the_segment() -> None:
    made = question(place("squared"), "mutation", 3, model="m", temperature=0.5, max_tokens=9, seed=1)
    other = question(place("total = 0"), "refactoring", 1, model="m", temperature=0.5, max_tokens=9, seed=1)
    assert "Sum the squares." in made.prompt
    assert SOURCE.rstrip() in made.prompt
    assert "line 7 of the solution:\n```python\n        total += side * side  # squared\n```" in made.prompt
    assert "Write 3 different mutations" in made.prompt
    assert "Write 1 different refactoring of" in other.prompt
    assert all(bug in made.prompt for bug in BUGS)
    shared = made.prompt.index("The segment to rewrite")  # what endpoints with a prefix cache read once
    assert other.prompt[:shared] == made.prompt[:shared]


def test_the_templates_are_the_ones_that_answers_are_kept_under() -> None:
    assert templates_digest()[:16] == "62ad303ca7832b9e"
