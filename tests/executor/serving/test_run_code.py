"""``/run_code`` answers as SandboxFusion does: the requests are those of verl's client, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.fixtures.serving import Serve

from prlcoder.executor import ResourceLimits
from prlcoder.executor.serving.service import ExecutorService
from prlcoder.executor.serving.settings import ExecutorSettings
from prlcoder.rpc.settings import ServerLimits as ServerLimits
from prlcoder.rpc.settings import ServerSettings

pytestmark = pytest.mark.needs_sandbox

TOKEN = "0123456789abcdef"
SETTINGS = ExecutorSettings(workers=1, default_limits=ResourceLimits(memory_mib=256, output_mib=1))


@pytest.fixture(scope="module")
def endpoint(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    tokens: Path = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text(TOKEN)
    settings = ServerSettings(token_file=tokens, limits=ServerLimits(message_bytes=1 << 20))
    started: list[ExecutorService] = []

    def make(limits: Any, registry: Any) -> ExecutorService:
        started.append(ExecutorService(limits, SETTINGS, registry))
        started[0].serve_http(0, settings)
        return started[0]

    serve(make, replace(settings))
    assert started[0].http is not None
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{started[0].http.port}", headers=headers, timeout=60) as client:
        yield client


def post(endpoint: httpx.Client, code: str, **fields: Any) -> Any:
    """One request with the fields that verl sends."""
    payload = {
        "compile_timeout": 10,
        "run_timeout": 10,
        "code": code,
        "stdin": "",
        "memory_limit_MB": 256,
        "language": "python",
        "files": {},
        "fetch_files": [],
        **fields,
    }
    response = endpoint.post("/run_code", json=payload)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_program_that_ends_well_is_a_success_with_its_output(endpoint: httpx.Client) -> None:
    answer = post(endpoint, "print(int(input()) * 2)", stdin="21\n")
    run = answer.pop("run_result")
    assert answer == {
        "status": "Success",
        "message": "",
        "compile_result": None,
        "executor_pod_name": None,
        "files": {},
    }
    assert run.pop("execution_time") > 0
    assert run == {"status": "Finished", "return_code": 0, "stdout": "42\n", "stderr": ""}


@pytest.mark.parametrize(
    ("code", "status", "return_code", "stdout", "stderr"),
    [
        ("print(1)\nraise ValueError('x')", "Finished", 1, "1\n", "ValueError\n"),
        ("print(", "Finished", 1, "", "SyntaxError\n"),
        ("import os\nos._exit(7)", "Finished", 7, "", ""),
        ("import ctypes\nctypes.string_at(0)", "Finished", -11, "", ""),
        ("while True: pass", "TimeLimitExceeded", None, "", ""),
        ("import time\ntime.sleep(60)", "TimeLimitExceeded", None, "", ""),
    ],
)
def test_a_program_that_fails_says_how(
    endpoint: httpx.Client, code: str, status: str, return_code: int | None, stdout: str, stderr: str
) -> None:
    answer = post(endpoint, code, run_timeout=0.7)
    run = answer["run_result"]
    assert answer["status"] == "Failed"
    assert (run["status"], run["return_code"], run["stdout"], run["stderr"]) == (status, return_code, stdout, stderr)


def test_what_the_sandbox_cannot_do_is_a_sandbox_error(endpoint: httpx.Client) -> None:
    for fields, message in (({"language": "cpp"}, "'cpp' is not supported"), ({"fetch_files": ["a"]}, "not supported")):
        answer = post(endpoint, "print(1)", **fields)
        assert answer["status"] == "SandboxError"
        assert message in answer["message"]
        assert answer["run_result"] is None


def test_wrong_requests_are_refused(endpoint: httpx.Client) -> None:
    assert endpoint.post("/run_code", json={"stdin": ""}).status_code == 422
    assert endpoint.post("/run_code", content=b"\xff\x00").status_code == 422
    assert endpoint.post("/run_code", json={"code": "x" * (1 << 20)}).status_code == 413
    assert endpoint.post("/run_code", json={"code": ""}, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert endpoint.get("/run_code").status_code == 405
