"""``prlcoder supervise --teacher llm``: the whole build by an endpoint of ours, killed and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.misbehaving_endpoint import HANG, Reply, endpoint, error, rewriting

pytestmark = pytest.mark.needs_sandbox
BUILD = ("--problems", "nano", "--limit", "4", "--segmentation", "line", "--workers", "1", "--cpu-limit", "1")


def command(folder: Path, url: str, *more: str) -> list[str]:
    teacher = ("--teacher", "llm", "--base-url", url, "--model", "m", "--mutations", "2", *more)
    return [sys.executable, "-m", "prlcoder.cli", "supervise", *BUILD, "--out", str(folder), *teacher]


def supervise(folder: Path, url: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, url, *more),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, **environment},
    )


def test_a_killed_build_goes_on_asks_only_for_the_rest_and_ends_with_the_same_content(tmp_path: Path) -> None:
    with endpoint(rewriting) as server:
        undisturbed = supervise(tmp_path / "a", server.base_url, "--json")
        assert undisturbed.returncode == 0, undisturbed.stderr
        every = {json.dumps(body, sort_keys=True) for body in server.requests}
        assert len(every) == len(server.requests)
    manifest = json.loads(undisturbed.stdout)
    told = manifest["counts"]["teachers"]["llm"]
    assert told["answers"] == len(every) == 2 * manifest["counts"]["segments"]
    assert told["tokens"] == {"prompt": 100 * len(every), "completion": 20 * len(every), "reasoning": 0}
    assert manifest["counts"]["by"]["teacher"]["llm"]["wrong_answer"] > 0
    assert manifest["settings"]["teachers"][0]["model"] == "m"
    assert "stood_in" not in manifest

    stuck = threading.Event()

    def behaviour(body: dict[str, Any], number: int) -> Reply:
        if number < 7:
            return rewriting(body)
        stuck.set()
        return Reply(body=HANG)

    with endpoint(behaviour) as server:
        killed = subprocess.Popen(command(tmp_path / "b", server.base_url, "--concurrency", "2"))
        assert stuck.wait(timeout=120)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        before = len(server.requests)
    with endpoint(rewriting) as server:
        resumed = supervise(tmp_path / "b", server.base_url, "--json")
        assert resumed.returncode == 0, resumed.stderr
        assert len(every) - before <= len(server.requests) <= len(every) - 5
    again = json.loads(resumed.stdout)
    assert again["content_hash"] == manifest["content_hash"]
    assert again["counts"]["teachers"]["llm"]["tokens"] == told["tokens"]


def test_an_endpoint_that_fails_is_replaced_by_rules_and_the_manifest_says_where(tmp_path: Path) -> None:
    def behaviour(body: dict[str, Any], number: int) -> Reply:
        return rewriting(body) if number < 6 else error(503, "down")

    options = ("--max-retries", "0", "--concurrency", "1", "--breaker-failures", "1")
    with endpoint(behaviour) as server:
        done = supervise(tmp_path / "out", server.base_url, *options)
        assert done.returncode == 0, done.stderr
        assert len(server.requests) == 7
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    places = manifest["stood_in"]["llm"]
    assert sum(len(indices) for indices in places.values()) == manifest["counts"]["segments"] - 3
    assert manifest["counts"]["by"]["teacher"]["rules"]
    assert f"the rule teacher stood in at {manifest['counts']['segments'] - 3:,} segments" in done.stdout
    assert "per accepted variant" in done.stdout


def test_the_estimate_asks_nothing_and_makes_nothing(tmp_path: Path) -> None:
    prices = ("--price-per-million-prompt", "1", "--price-per-million-completion", "4")
    done = supervise(tmp_path / "out", "http://127.0.0.1:9/v1", "--estimate", *prices)
    assert done.returncode == 0, done.stderr
    assert "0 of them answered already" in done.stdout
    assert "cost, about:" in done.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--api-key-env", "NO_SUCH_KEY"), "NO_SUCH_KEY is not set; put the key in it"),
        (("--temperature", "9"), "--temperature: Input should be less than or equal to 2"),
        (("--budget-cost", "1"), "`budget.cost` needs"),
        (("--budget-tokens", "0"), "--budget-tokens: Input should be greater"),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, more: tuple[str, ...], message: str) -> None:
    done = supervise(tmp_path / "out", "http://127.0.0.1:9/v1", *more)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_wrong_key_ends_the_build_and_is_not_printed(tmp_path: Path) -> None:
    def behaviour(body: dict[str, Any], number: int) -> Reply:
        return error(401, "Incorrect API key provided: sk-secret-0815")

    with endpoint(behaviour) as server:
        done = supervise(tmp_path / "out", server.base_url, "--api-key-env", "MY_KEY", MY_KEY="sk-secret-0815")
    assert done.returncode == 1
    assert "status 401: Incorrect API key provided: (key); the key was not accepted; set apiKeyEnv" in done.stderr
    assert "sk-secret" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert not any(b"sk-secret" in path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
