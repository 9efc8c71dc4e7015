"""The language-model teacher against a real HTTP server that misbehaves in every way that servers do."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.misbehaving_endpoint import (
    CUT,
    HANG,
    RESET,
    Behaviour,
    Reply,
    completion,
    endpoint,
    error,
    rewriting,
    variants,
)

from prlcoder.errors import InputError, WorkError
from prlcoder.mutator.llm import LanguageModelTeacher, described
from prlcoder.mutator.llm.rate_limits import Backoff
from prlcoder.mutator.model import BatchTeacher, Proposals, RewriteSite
from prlcoder.segmenter import segment
from prlcoder.spec import LlmTeacher

KEY = "sk-very-secret-0123456789"
SOURCE = """\
def f(a):
    b = a + 1
    c = b * 2
    c += 3
    return c
"""
PARTS = segment(SOURCE, "line")
PLACES = [RewriteSite("p", "Twice the successor, and three.", SOURCE, PARTS, index) for index in (1, 2, 3)]
GOOD = variants("b = a + 2")


def teacher(base_url: str, folder: Path, *, cooldown_s: float = 30.0, **changes: Any) -> LanguageModelTeacher:
    """One mutation a segment, one request at a time, no waits, unless told otherwise."""
    values = {"mutations": 1, "refactorings": 0, "concurrency": 1, "timeout": 20, "maxRetries": 2, **changes}
    settings = LlmTeacher.model_validate({"kind": "llm", "baseUrl": base_url, "model": "m", **values})
    fast = Backoff(first_s=0.0)
    return LanguageModelTeacher(
        settings, seed=7, cache=folder / "cache.sqlite", backoff=fast, breaker_cooldown_s=cooldown_s
    )


def ask(
    behaviour: Behaviour, folder: Path, places: list[RewriteSite] = PLACES[:1], **changes: Any
) -> tuple[Proposals, Any]:
    """What the teacher proposes, and the endpoint that it asked."""
    with endpoint(behaviour) as server:
        return teacher(server.base_url, folder, **changes).propose_all(places), server


def texts(proposals: Proposals) -> list[list[tuple[str, str]]]:
    return [[(variant.teacher, variant.text) for variant in made] for made in proposals.variants]


def first(reply: Reply, then: Reply = GOOD) -> Behaviour:
    """Misbehave once."""
    return lambda body, number: reply if number == 0 else then


def test_it_asks_as_the_protocol_says(tmp_path: Path) -> None:
    proposals, server = ask(rewriting, tmp_path, PLACES, mutations=2, refactorings=1, temperature=0.5, maxTokens=99)
    assert isinstance(teacher("http://x/v1", tmp_path), BatchTeacher)
    assert server.paths == ["/v1/chat/completions"] * 6
    body = server.requests[0]
    assert {name: body[name] for name in ("model", "temperature", "max_tokens", "seed")} == {
        "model": "m",
        "temperature": 0.5,
        "max_tokens": 99,
        "seed": 7,
    }
    assert body["response_format"]["type"] == "json_schema"
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert "Authorization" not in server.headers[0]
    assert texts(proposals) == [
        [("", "    b = a + 2\n"), ("", "    b = a + 3\n")],
        [("", "    c = b * 3\n"), ("", "    c = b * 4\n")],
        [("", "    c += 4\n"), ("", "    c += 5\n"), ("", "    c = c + 3\n")],
    ]
    assert [variant.kind for variant in proposals.variants[2]] == ["mutation", "mutation", "refactoring"]
    assert proposals.variants[0][0].operator == "llm-condition"
    assert proposals.counts == {
        "answers": 6,
        "proposed": 9,
        "fitting": 7,
        "stood_in": 0,
        "unfit": {"identical": 2},
        "tokens": {"prompt": 600, "completion": 120, "reasoning": 0},
    }


@pytest.mark.parametrize(
    "bad",
    [
        error(429, "slow down", retry_after="0"),
        error(429, "slow down", retry_after_ms="1"),
        error(408, "too slow"),
        error(409, "conflict"),
        error(500, "oops"),
        error(503, "overloaded"),
        Reply(502, b"<html>Bad gateway</html>"),
        Reply(body=CUT),
        Reply(body=RESET),
        Reply(200, b'{"choices": [{"message": {"content": "trunc'),
        Reply(200, b"\xff\xfe\x00 not UTF-8 \xc3"),
        Reply(200, b""),
        Reply(200, b'{"error": {"message": "busy"}}'),
    ],
    ids=["429", "429 ms", "408", "409", "500", "503", "html", "cut", "reset", "truncated", "no UTF-8", "empty", "busy"],
)
def test_what_may_pass_is_tried_again(tmp_path: Path, bad: Reply) -> None:
    proposals, server = ask(first(bad), tmp_path)
    assert texts(proposals) == [[("", "    b = a + 2\n")]]
    assert len(server.requests) == 2
    assert server.requests[0] == server.requests[1]
    assert proposals.counts["retries"] == 1


def test_a_server_that_hangs_is_left_after_the_timeout(tmp_path: Path) -> None:
    proposals, server = ask(first(Reply(body=HANG)), tmp_path, timeout=0.3)
    assert texts(proposals) == [[("", "    b = a + 2\n")]]
    assert len(server.requests) == 2


def test_retry_after_is_waited_for_by_everybody(tmp_path: Path) -> None:
    gate = threading.Event()

    def behaviour(body: dict[str, Any], number: int) -> Reply:
        if number == 0:
            threading.Timer(0.5, gate.set).start()
            return error(429, "wait", retry_after="1")
        return GOOD if gate.is_set() else error(500, "too early")

    proposals, _ = ask(behaviour, tmp_path, PLACES, maxRetries=1)
    assert proposals.counts["retries"] == 1
    assert proposals.counts["stood_in"] == 0


def test_a_wait_of_hours_is_not_waited_for(tmp_path: Path) -> None:
    proposals, server = ask(lambda body, number: error(429, "come back", retry_after="7200"), tmp_path)
    assert len(server.requests) == 1
    assert proposals.stood_in == [("p", 1)]


def test_the_rule_teacher_stands_in_where_trying_again_did_not_help(tmp_path: Path) -> None:
    def behaviour(body: dict[str, Any], number: int) -> Reply:
        return error(500, "oops") if "line 3 of" in body["messages"][0]["content"] else rewriting(body)

    proposals, server = ask(behaviour, tmp_path, PLACES, maxRetries=3)
    assert len(server.requests) == 1 + 4 + 1
    assert texts(proposals)[0] == [("", "    b = a + 2\n")]
    assert [name for name, _ in texts(proposals)[1]] == ["rules"]
    assert texts(proposals)[2] == [("", "    c += 4\n")]
    assert proposals.stood_in == [("p", 2)]
    assert (proposals.counts["failed"], proposals.counts["stood_in"], proposals.counts["answers"]) == (1, 1, 2)


def test_after_failures_in_a_row_nobody_asks_and_one_tries_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    down = True

    def behaviour(body: dict[str, Any], number: int) -> Reply:
        return error(503, "down") if down else rewriting(body)

    with endpoint(behaviour) as server:
        asking = teacher(server.base_url, tmp_path, maxRetries=0, breakerFailures=2, cooldown_s=0.0)
        resting = teacher(server.base_url, tmp_path / "b", maxRetries=0, breakerFailures=2, cooldown_s=1e9)
        broken = resting.propose_all(PLACES)
        assert len(server.requests) == 2
        assert (broken.counts["failed"], broken.counts["kept_back"], broken.counts["stood_in"]) == (2, 1, 3)
        assert {name for made in texts(broken) for name, _ in made} == {"rules"}
        assert "the rule teacher proposes for now" in capsys.readouterr().err
        assert asking.propose_all(PLACES).counts["failed"] == 3  # its rest is over at once: each one tries
        down = False
        healed = asking.propose_all(PLACES)
        assert (healed.counts["answers"], healed.counts["stood_in"]) == (3, 0)
        assert resting.propose_all(PLACES).counts["stood_in"] == 3


def test_an_endpoint_that_is_not_there_opens_the_breaker(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    proposals = teacher(url, tmp_path, breakerFailures=1).propose_all(PLACES)
    assert (proposals.counts["failed"], proposals.counts["kept_back"]) == (1, 2)
    assert [len(made) for made in proposals.variants] == [1, 1, 1]


def test_a_server_without_response_format_is_asked_once_more_and_then_without_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def behaviour(body: dict[str, Any], number: int) -> Reply:
        if "response_format" in body:
            return error(400, "This response_format type is unavailable now")
        return completion("Of course:\n```python\nb = a + 9\n```\n")

    proposals, server = ask(behaviour, tmp_path, PLACES)
    assert ["response_format" in body for body in server.requests] == [True, False, False, False]
    assert texts(proposals)[0] == [("", "    b = a + 9\n")]
    assert "refuses a field (400: This response_format type is unavailable now)" in capsys.readouterr().err


def test_a_server_with_other_names_for_fields_is_understood(tmp_path: Path) -> None:
    def behaviour(body: dict[str, Any], number: int) -> Reply:
        if "max_tokens" in body:
            return error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if "seed" in body:
            return Reply(422, b'{"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}')
        return GOOD

    proposals, server = ask(behaviour, tmp_path)
    assert texts(proposals) == [[("", "    b = a + 2\n")]]
    assert len(server.requests) == 3
    assert "response_format" in server.requests[2]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (completion("", reasoning_content='So.\n{"variants": [{"segment": "b = a + 2"}]}'), "    b = a + 2\n"),
        (completion(None, reasoning='{"variants": [{"segment": "b = a + 2"}]}'), "    b = a + 2\n"),
        (completion('<think>b = a?</think>{"variants": [{"segment": "b = a + 2"}]}'), "    b = a + 2\n"),
        (completion('```json\n{"variants": [{"segment": "b = a + 2"}]}\n```', reasoning="hm"), "    b = a + 2\n"),
    ],
)
def test_thinking_models_are_understood(tmp_path: Path, reply: Reply, expected: str) -> None:
    proposals, _ = ask(first(reply), tmp_path)
    assert texts(proposals) == [[("", expected)]]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (variants("return c"), "other_segment"),
        (variants(SOURCE.replace("1", "2")), "whole_program"),
        (variants("b = a +"), "does_not_parse"),
        (variants("b = a + 1"), "identical"),
        (completion("I would rather not."), "no_variants"),
        (completion('{"variants": [{"segm', finish="length"), "cut_off"),
        (completion("", finish="length", reasoning="so b = a + 2 or"), "cut_off"),
    ],
)
def test_an_answer_that_does_not_fit_costs_tokens_and_gives_nothing(tmp_path: Path, reply: Reply, reason: str) -> None:
    proposals, server = ask(lambda body, number: reply, tmp_path)
    assert texts(proposals) == [[]]
    assert proposals.counts["unfit"] == {reason: 1}
    assert proposals.counts["tokens"] == {"prompt": 100, "completion": 20, "reasoning": 0}
    assert len(server.requests) == 1


def test_an_answer_without_end_is_left(tmp_path: Path) -> None:
    huge = Reply(200, b" " * (17 * 2**20))
    proposals, server = ask(lambda body, number: huge, tmp_path)
    assert (proposals.counts["refused"], len(server.requests)) == (1, 1)
    assert [name for name, _ in texts(proposals)[0]] == ["rules"]


def test_thinking_is_counted(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 50, "completion_tokens_details": {"reasoning_tokens": 40}}
    reply = completion('{"variants": [{"segment": "b = a + 2"}]}', usage=usage)
    proposals, _ = ask(lambda body, number: reply, tmp_path, pricePerMillionPrompt=1e6, pricePerMillionCompletion=2e6)
    assert proposals.counts["tokens"] == {"prompt": 7, "completion": 50, "reasoning": 40}
    assert proposals.counts["cost"] == 107.0


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (401, f"Incorrect API key provided: {KEY}", "the key was not accepted; set apiKeyEnv"),
        (403, "no", "the key was not accepted; set apiKeyEnv"),
        (402, "Insufficient Balance", "no credit left"),
        (404, "The model `m` does not exist.", "The model `m` does not exist.; check that baseUrl"),
        (301, "moved", "it redirects"),
    ],
)
def test_what_every_request_would_get_ends_the_work_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, said: str, told: str
) -> None:
    monkeypatch.setenv("TEACHER_KEY", f"{KEY}\n")
    with pytest.raises(WorkError) as caught:
        ask(lambda body, number: error(status, said), tmp_path, PLACES, concurrency=3, apiKeyEnv="TEACHER_KEY")
    assert told in str(caught.value)
    assert f"status {status}" in str(caught.value)
    assert KEY not in str(caught.value)


def test_the_key_is_sent_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    refusal = error(500, f"echo: {KEY}")
    proposals, server = ask(lambda b, n: refusal, tmp_path, maxRetries=0, breakerFailures=1, apiKeyEnv="TEACHER_KEY")
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    shown = capsys.readouterr()
    assert "echo: (key)" in shown.err
    assert KEY not in shown.err + shown.out + str(proposals)
    assert KEY.encode() not in (tmp_path / "cache.sqlite").read_bytes()


def test_a_missing_key_is_said_before_anything_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEACHER_KEY", raising=False)
    with pytest.raises(InputError, match="TEACHER_KEY is not set"):
        teacher("http://x/v1", tmp_path, apiKeyEnv="TEACHER_KEY")
    monkeypatch.setenv("TEACHER_KEY", "“pasted”")
    with pytest.raises(InputError, match="characters that a key cannot have") as caught:
        teacher("http://x/v1", tmp_path, apiKeyEnv="TEACHER_KEY")
    assert "pasted" not in str(caught.value).replace("what was pasted", "")


@pytest.mark.parametrize("url", ["http:///v1", "https://[::1/v1"])
def test_an_address_that_is_none_is_said_to_be_none(tmp_path: Path, url: str) -> None:
    with pytest.raises(WorkError, match="check baseUrl"):
        teacher(url, tmp_path).propose_all(PLACES)


def test_an_endpoint_that_refuses_everything_ends_the_work(tmp_path: Path) -> None:
    refusal = error(400, "top_k must be set")
    with pytest.raises(WorkError, match=r"refuses every request .*top_k must be set"):
        ask(lambda body, number: refusal, tmp_path, PLACES, breakerFailures=3)


def test_a_program_that_is_too_long_for_the_model_is_left_to_the_rules(tmp_path: Path) -> None:
    refusal = error(400, "This model's maximum context length is 64 tokens.")
    proposals, server = ask(lambda body, number: refusal, tmp_path, PLACES, breakerFailures=1)
    assert (proposals.counts["refused"], proposals.counts["stood_in"], len(server.requests)) == (3, 3, 3)


def test_as_many_requests_as_allowed_are_under_way(tmp_path: Path) -> None:
    together = threading.Barrier(3)

    def behaviour(body: dict[str, Any], number: int) -> Reply:
        together.wait(timeout=20)  # passes only if three are there at once
        return rewriting(body)

    _, server = ask(behaviour, tmp_path, PLACES, concurrency=3)
    assert server.most_under_way == 3
    _, server = ask(rewriting, tmp_path / "b", PLACES, concurrency=1)
    assert server.most_under_way == 1


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    with endpoint(rewriting) as server:
        one = teacher(server.base_url, tmp_path, mutations=2, refactorings=1).propose_all(PLACES)
        assert len(server.requests) == 6
    # The server is gone now: the answers are all there is.
    again = teacher("http://127.0.0.1:9/v1", tmp_path, mutations=2, refactorings=1).propose_all(PLACES)
    assert again.variants == one.variants
    assert again.counts == {**one.counts, "kept_answers": 6}


@pytest.mark.parametrize("changes", [{"temperature": 0.1}, {"maxTokens": 5}, {"model": "n"}, {"mutations": 2}])
def test_another_question_is_asked_anew(tmp_path: Path, changes: dict[str, Any]) -> None:
    ask(rewriting, tmp_path)
    proposals, server = ask(rewriting, tmp_path, **changes)
    assert (len(server.requests), "kept_answers" in proposals.counts) == (1, False)


def test_how_it_is_asked_is_not_a_part_of_the_content(tmp_path: Path) -> None:
    same = LlmTeacher.model_validate({"kind": "llm", "baseUrl": "http://a/v1", "model": "m", "concurrency": 2})
    other = LlmTeacher.model_validate({"kind": "llm", "baseUrl": "http://b/v1", "model": "m", "timeout": 9})
    assert described(same) == described(other)
    assert described(same) != described(same.model_copy(update={"temperature": 0.0}))


def test_a_budget_that_is_used_up_ends_the_work_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    with endpoint(rewriting) as server:
        with pytest.raises(WorkError, match=r"budget.tokens \(240\) is used up; every answer so far is kept"):
            teacher(server.base_url, tmp_path, budget={"tokens": 240}).propose_all(PLACES)
        asked = len(server.requests)
        assert asked in (1, 2)  # 120 tokens each, and no request that would pass the bound
        more = teacher(server.base_url, tmp_path, budget={"tokens": 100_000}).propose_all(PLACES)
        assert len(server.requests) == 3
        assert more.counts["kept_answers"] == asked
        assert more.counts["stood_in"] == 0


def test_the_estimate_knows_what_is_kept(tmp_path: Path) -> None:
    with endpoint(rewriting) as server:
        asking = teacher(server.base_url, tmp_path, mutations=2, refactorings=1)
        before = asking.estimate(PLACES)
        assert not (tmp_path / "cache.sqlite").exists()
        asking.propose_all(PLACES[:2])
        after = asking.estimate(PLACES)
        assert len(server.requests) == 4
    assert (before.requests, before.kept) == (6, 0)
    assert (after.requests, after.kept) == (6, 4)
    assert 0 < after.expected.prompt < before.expected.prompt


def _propose_for_ever(url: str, folder: str) -> None:
    places = [RewriteSite(f"p{number}", "", SOURCE, PARTS, 1) for number in range(100_000)]
    asking = teacher(url, Path(folder), concurrency=4)
    for place in places:
        asking.propose_all([RewriteSite(place.problem_id, place.problem_id, SOURCE, PARTS, 1)])


def test_answers_survive_kill_9_and_processes_share_them(tmp_path: Path) -> None:
    enough = threading.Event()

    def behaviour(body: dict[str, Any], number: int) -> Reply:
        if number > 30:
            enough.set()
        return variants(f"b = a + {number + 2}")

    with endpoint(behaviour) as server:
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=_propose_for_ever, args=(server.base_url, str(tmp_path))) for _ in range(2)]
        for worker in workers:
            worker.start()
        assert enough.wait(timeout=60)
        for worker in workers:
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
        places = [RewriteSite(f"p{number}", f"p{number}", SOURCE, PARTS, 1) for number in range(5)]
        proposals = teacher(server.base_url, tmp_path).propose_all(places)
        assert proposals.counts["kept_answers"] == 5


def test_a_damaged_cache_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "cache.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(
        WorkError, match=r"cache\.sqlite: the teacher's cache cannot be used \(file is not a database\)"
    ):
        ask(rewriting, tmp_path)


def test_two_equal_questions_have_one_answer(tmp_path: Path) -> None:
    def behaviour(body: dict[str, Any], number: int) -> Reply:
        return variants(f"b = a + {number + 2}")

    proposals, server = ask(behaviour, tmp_path, [PLACES[0], PLACES[0]], concurrency=2)
    assert len(server.requests) == 1
    assert proposals.variants[0] == proposals.variants[1]
    assert json.dumps(proposals.counts)
