"""``prlcoder serve policy`` as a process that can be killed and started again at the same address."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fixtures.serving import eventually, free_port


class PolicyProcess:
    """Serves ``model`` by ``engine`` within a ``with`` block."""

    def __init__(self, model: Path, folder: Path, *options: str, engine: str = "transformers", **environment: str):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._ready, self._log = folder / "ready.json", folder / "log"
        command = [sys.executable, "-m", "prlcoder.cli", "serve", "policy", "--model", str(model), "--engine", engine]
        self._command = [*command, "--port", str(self.port), "--ready-file", str(self._ready), *options]
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; it need not be ready when this returns."""
        self._ready.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def engine(self) -> int:
        """The process id of vLLM's engine, a child of the server."""
        assert self._process is not None
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        children = [child for task in tasks for child in task.read_text().split()]
        (engine,) = [int(one) for one in children if "EngineCore" in Path(f"/proc/{one}/cmdline").read_text()]
        return engine

    def exit_code(self) -> int:
        """Wait until the process ends by itself."""
        assert self._process is not None
        return self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        process = self._process
        eventually(lambda: self._ready.exists() or process is None or process.poll() is not None)
        assert self._ready.exists(), self._log.read_text(errors="replace")[-3000:]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
