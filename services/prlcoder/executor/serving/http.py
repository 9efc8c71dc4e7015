"""``POST /run_code`` as SandboxFusion answers it, so that clients written for SandboxFusion can use this executor.

Only Python is supported. ``files`` and ``fetch_files`` are refused, and standard error contains only the exception's
name. As with SandboxFusion, a request that the sandbox does not support gets HTTP 200 with status ``SandboxError``, and
a malformed request gets HTTP 422.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prlcoder.errors import InputError
from prlcoder.executor.run_code import FreeRun, RunOutput
from prlcoder.executor.serving.async_executor import AsyncExecutor
from prlcoder.executor.serving.settings import ExecutorSettings
from prlcoder.executor.verdicts import ResourceLimits, Verdict
from prlcoder.rpc.admission import Admission
from prlcoder.rpc.errors import CallError
from prlcoder.rpc.settings import ServerSettings
from prlcoder.rpc.tokens import Tokens
from prlcoder.telemetry.logs import logger

LOG = logger("executor.http")


class RunCode(BaseModel):
    """The request. Times in seconds, memory in MB. Unknown fields are ignored, as SandboxFusion does."""

    model_config = ConfigDict(extra="ignore")

    code: str
    language: str = "python"
    stdin: str | None = ""
    run_timeout: float = Field(default=10.0, gt=0)
    memory_limit_MB: int = -1  # noqa: N815 (SandboxFusion's name); -1 means the server's default
    files: dict[str, str | None] = {}
    fetch_files: list[str] = []


class HttpEndpoint:
    """The HTTP server with this one endpoint."""

    def __init__(
        self, port: int, server: ServerSettings, settings: ExecutorSettings, driver: AsyncExecutor, admission: Admission
    ) -> None:
        self._port, self._server, self._settings = port, server, settings
        self._driver, self._admission = driver, admission
        self._tokens = Tokens(server.token_file) if server.token_file else None
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> None:
        """Start to listen. ``InputError`` if the port is taken."""
        application = web.Application(client_max_size=self._server.limits.message_bytes)
        application.router.add_post("/run_code", self._run_code)
        self._runner = web.AppRunner(application, handler_cancellation=True, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._server.host, self._port, ssl_context=_ssl_context(self._server))
        try:
            await site.start()
        except OSError as error:
            raise InputError(f"--http: cannot listen on {self._server.host}:{self._port} ({error.strerror})") from None
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Answer the accepted requests, then stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _run_code(self, request: web.Request) -> web.Response:
        try:
            if self._tokens is not None:
                self._tokens.require(request.headers.get("Authorization"))
            asked = RunCode.model_validate_json(await request.read())
        except CallError as refusal:
            return web.json_response({"detail": refusal.message}, status=401)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False, include_input=False)
            return web.json_response({"detail": wrong}, status=422)
        return web.json_response(await self._answer(asked))

    async def _answer(self, asked: RunCode) -> Mapping[str, Any]:
        if asked.language != "python":
            return _sandbox_error(f"language {asked.language!r} is not supported; this sandbox runs python")
        if asked.files or asked.fetch_files:
            return _sandbox_error("files and fetch_files are not supported")
        size = len(asked.code) + len(asked.stdin or "")
        await self._admission.admit_when_free(size)
        try:
            answer = await self._driver.execute(FreeRun(asked.code, asked.stdin or "", self._limits(asked)))
        finally:
            self._admission.release(1, size)
        if not isinstance(answer, RunOutput):
            LOG.error("run failed", extra={"cause": repr(answer)})
            return _sandbox_error("the sandbox failed, not the program; send it again")
        return _ran(answer)

    def _limits(self, asked: RunCode) -> ResourceLimits:
        """The requested limits, reduced to the server's maximum."""
        default, highest = self._settings.default_limits, self._settings.max_limits
        memory = asked.memory_limit_MB if asked.memory_limit_MB > 0 else default.memory_mib
        return replace(
            default,
            cpu_s=min(asked.run_timeout, highest.cpu_s),
            wall_s=min(asked.run_timeout, highest.wall_s),
            memory_mib=min(memory, highest.memory_mib),
        )


def _ran(answer: RunOutput) -> Mapping[str, Any]:
    run_result = {
        "status": "TimeLimitExceeded" if answer.verdict is Verdict.TIMEOUT else "Finished",
        "execution_time": answer.wall_s,
        "return_code": answer.return_code,
        "stdout": answer.stdout.decode("utf-8", "replace"),
        "stderr": f"{answer.reason}\n" if answer.reason else "",
    }
    return _response("Success" if answer.return_code == 0 else "Failed", "", run_result)


def _sandbox_error(message: str) -> Mapping[str, Any]:
    return _response("SandboxError", message, None)


def _response(status: str, message: str, run_result: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return {
        "status": status,
        "message": message,
        "compile_result": None,
        "run_result": run_result,
        "executor_pod_name": None,
        "files": {},
    }


def _ssl_context(server: ServerSettings) -> ssl.SSLContext | None:
    if server.tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=server.tls.client_ca)
    context.load_cert_chain(server.tls.certificate, server.tls.key)
    if server.tls.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
