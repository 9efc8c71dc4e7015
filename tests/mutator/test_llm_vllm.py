"""The language-model teacher against vLLM's own server. Its model has random weights, so it is the protocol that is
tested: structured output, token counts, refusals, errors. Most of the time goes into vLLM's start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prlcoder.errors import WorkError
from prlcoder.mutator.llm import LanguageModelTeacher
from prlcoder.mutator.llm.cache import Cache
from prlcoder.mutator.model import RewriteSite
from prlcoder.segmenter import segment
from prlcoder.spec import LlmTeacher

if TYPE_CHECKING:
    from tests.fixtures.vllm_server import VllmServer

pytestmark = pytest.mark.timeout(1200)
SOURCE = "def f(a):\n    b = a + 1\n    c = b * 2\n    return c\n"
PLACES = [RewriteSite("p", "Twice the successor.", SOURCE, segment(SOURCE, "line"), index) for index in (1, 2, 3)]


def teacher(server: VllmServer, folder: Path, **changes: Any) -> LanguageModelTeacher:
    values = {"mutations": 2, "refactorings": 1, "maxTokens": 40, "maxRetries": 0, "timeout": 120, **changes}
    settings = LlmTeacher.model_validate({"kind": "llm", "baseUrl": server.base_url, "model": server.model, **values})
    return LanguageModelTeacher(settings, seed=0, cache=folder / "cache.sqlite")


def test_vllm_answers_in_the_schema_and_its_tokens_are_counted(
    vllm_server: VllmServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = teacher(vllm_server, tmp_path).propose_all(PLACES)
    assert "refuses" not in capsys.readouterr().err  # response_format, seed and max_tokens are understood
    assert asked.counts["answers"] == 6
    assert asked.counts["stood_in"] == 0
    assert 0 < asked.counts["tokens"]["completion"] <= 6 * 40
    assert asked.counts["tokens"]["prompt"] > 6 * 100
    with Cache(tmp_path / "cache.sqlite") as cache:
        spent = cache.spent()
    assert (spent.prompt, spent.completion) == tuple(asked.counts["tokens"][k] for k in ("prompt", "completion"))
    again = teacher(vllm_server, tmp_path).propose_all(PLACES)
    assert again.variants == asked.variants
    assert again.counts == {**asked.counts, "kept_answers": 6}


def test_vllm_is_greedy_and_reproducible_without_a_cache(vllm_server: VllmServer, tmp_path: Path) -> None:
    def contents(name: str) -> list[str]:
        folder = tmp_path / name
        teacher(vllm_server, folder, temperature=0.0).propose_all(PLACES[:1])
        with Cache(folder / "cache.sqlite") as cache:
            return sorted(row[0] for row in cache._file.execute("SELECT content FROM answers"))

    assert contents("one") == contents("two")
    assert all(content.startswith("{") for content in contents("one"))


def test_vllm_refuses_what_is_too_long_and_the_rules_stand_in(vllm_server: VllmServer, tmp_path: Path) -> None:
    long = RewriteSite("long", "word " * 4000, SOURCE, PLACES[0].segments, 1)
    proposals = teacher(vllm_server, tmp_path, breakerFailures=1).propose_all([long, PLACES[0]])
    assert proposals.counts["refused"] == 2
    assert proposals.stood_in == [("long", 1)]
    assert {variant.teacher for variant in proposals.variants[0]} == {"rules"}


def test_vllm_does_not_know_another_model(vllm_server: VllmServer, tmp_path: Path) -> None:
    with pytest.raises(WorkError, match=r"status 404: The model `other` does not exist\..*; check that baseUrl"):
        teacher(vllm_server, tmp_path, model="other").propose_all(PLACES)
