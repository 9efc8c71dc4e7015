"""An operator that is killed right after each of its writes, before it learns that the write succeeded.

    python -m tests.e2e.killed_operator KUBECONFIG

runs the operator again and again, behind a proxy that forwards its calls to the API server. Where a call has written
something, the proxy kills the operator instead of answering, so that each of its lives makes one write. Every write is
a line of the output: method, path and the API server's status code. It ends when its standard input ends.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import yaml
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

WRITES: Final = ("POST", "PUT", "PATCH", "DELETE")
PASSED_ON: Final = ("Content-Type", "Accept")


class KilledOperator:
    """The operator's process and the proxy that it reaches the API server through."""

    def __init__(self, url: str, headers: dict[str, str], session: ClientSession) -> None:
        self._url, self._headers, self._session = url, headers, session
        self._process: asyncio.subprocess.Process | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Forward one call; a watch is passed on piece by piece."""
        headers = self._headers | {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        body = await request.read()
        async with self._session.request(
            request.method, self._url + request.raw_path, headers=headers, data=body or None
        ) as answer:
            if request.method in WRITES and answer.ok:
                print(request.method, request.path, answer.status, flush=True)
                assert self._process is not None
                self._process.kill()
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            with suppress(ConnectionError):  # to an operator that is no more
                await response.prepare(request)
                async for piece in answer.content.iter_any():
                    await response.write(piece)
            return response

    async def live_again_and_again(self, kubeconfig: Path) -> None:
        """Start the operator whenever it has ended."""
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PRLCODER_OPERATOR_PROBE_PORT": "0"}
        while True:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "prlcoder.operator"), env=environment, stdout=sys.stderr
            )
            try:
                await self._process.wait()
            finally:
                with suppress(ProcessLookupError):
                    self._process.kill()


async def main(kubeconfig: Path) -> None:
    """Serve until the standard input ends."""
    given: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
    cluster, user = given["clusters"][0]["cluster"], given["users"][0]["user"]
    trusted = ssl.create_default_context(cafile=cluster["certificate-authority"])
    headers = {"Authorization": f"Bearer {user['token']}", "Accept-Encoding": "identity"}
    connector, endless = TCPConnector(ssl=trusted, limit=0), ClientTimeout(total=None)
    async with ClientSession(connector=connector, timeout=endless, auto_decompress=False) as session:
        killed = KilledOperator(cluster["server"], headers, session)
        application = web.Application(client_max_size=1 << 24)
        application.router.add_route("*", "/{path:.*}", killed.handle)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        with tempfile.TemporaryDirectory(prefix="prlcoder-killed-") as folder:
            given["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{port}"}
            proxied = Path(folder) / "kubeconfig"
            proxied.write_text(yaml.safe_dump(given))
            living = asyncio.create_task(killed.live_again_and_again(proxied))
            await asyncio.to_thread(sys.stdin.read)
            living.cancel()
            with suppress(asyncio.CancelledError):
                await living


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
