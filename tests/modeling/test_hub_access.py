"""Hub ids against a server on this machine that answers as the hub does: found, gated, and unknown repositories."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs_torch

COMMIT = "a" * 40
CHECK = """
import sys
from prlcoder.errors import InputError
from prlcoder.modeling.model_check import check_model
for path in sys.argv[1:]:
    try:
        print(check_model(path).rows)
    except InputError as error:
        print(error)
"""


def handler(folder: Path) -> type[BaseHTTPRequestHandler]:
    """A hub with the repository ``org/good``, which is ``folder``, and the gated repository ``org/gated``."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(with_body=True)

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the test's output is the check's."""

        def answer(self, *, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            status, headers, body = self.found(path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def found(self, path: str) -> tuple[int, dict[str, str], bytes]:
            if "org/gated" in path:
                return 401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."}, b"{}"
            if "org/good" not in path:
                return 404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}, b"{}"
            if "/tree/" in path:
                files = [{"type": "file", "path": file.name, "size": 1, "oid": "0" * 40} for file in folder.iterdir()]
                return 200, {}, json.dumps(files).encode()
            if path.startswith("/api/"):
                files = [{"rfilename": file.name} for file in folder.iterdir()]
                return 200, {}, json.dumps({"id": "org/good", "sha": COMMIT, "siblings": files}).encode()
            file = folder / path.rpartition("/")[2]
            if not file.is_file():
                return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b""
            data = file.read_bytes()
            return 200, {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": COMMIT}, data

    return Hub


@pytest.fixture
def hub(model_folders: dict[str, Path]) -> Iterator[str]:
    """The address of the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(model_folders["llama"]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_hub_id_is_checked_without_its_weights_and_a_refusal_says_what_to_do(hub: str, tmp_path: Path) -> None:
    # A process of its own: the hub's client reads its address once, when it is imported.
    environment = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    environment |= {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    environment.pop("HF_TOKEN", None)
    command = [sys.executable, "-c", CHECK, "org/good", "org/gated", "org/unknown"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    good, gated, unknown = done.stdout.splitlines()
    assert good == "558"
    assert not list(tmp_path.rglob("*.safetensors"))
    assert "model org/gated: cannot be loaded (the hub refuses access" in gated
    assert "accept its licence on the hub and set HF_TOKEN" in gated
    assert "model org/unknown: cannot be loaded (it is neither a folder on this machine nor a repository" in unknown
