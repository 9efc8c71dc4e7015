"""A headless Chromium driven over its debugging pipe: no driver program, no Python dependency, no port."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)


class Browser:
    """One Chromium process. Messages are JSON objects that end in a NUL, on its descriptors 3 (in) and 4 (out)."""

    def __init__(self, program: str, profile: Path) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 100) for end in (to_read, to_write)]

        def place() -> None:
            os.dup2(theirs[0], 3)
            os.dup2(theirs[1], 4)

        self.process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            close_fds=False,
            preexec_fn=place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (to_read, to_write, *theirs):
            os.close(end)
        self._buffer, self._number = b"", 0
        self.events: list[dict[str, Any]] = []

    def command(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; events that come first are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._write, json.dumps({**message, **({"sessionId": session} if session else {})}).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def wait(self, method: str, session: str) -> None:
        """Until an event of this name has come."""
        while not any(event.get("method") == method and event.get("sessionId") == session for event in self.events):
            self.events.append(self._receive())

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = os.read(self._read, 1 << 16)
            assert chunk, "Chromium went away"
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        value: dict[str, Any] = json.loads(message)
        return value

    def close(self) -> None:
        """End the process."""
        os.close(self._write)
        self.process.terminate()
        self.process.wait(timeout=20)
        os.close(self._read)


@dataclass
class Tab:
    """One page in a browser."""

    browser: Browser
    session: str

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command to this page."""
        return self.browser.command(method, self.session, **parameters)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives, as plain data."""
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def texts(self, selector: str) -> list[str]:
        """Text of every element that a selector finds."""
        found: list[str] = self.value(
            f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.textContent)"
        )
        return found

    def go(self, fragment: str) -> None:
        """Change the address's fragment and wait until the page has reacted."""
        reacted = "new Promise((done) => addEventListener('hashchange', () => setTimeout(done), {once: true}))"
        self.value(
            f"(() => {{ const reacted = {reacted}; location.hash = {json.dumps(fragment)}; return reacted; }})()"
        )

    def press(self, key: str) -> None:
        """Press a key, and wait until the page has reacted."""
        self.command("Input.dispatchKeyEvent", type="keyDown", text=key, key=key)
        self.command("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.value("new Promise((done) => setTimeout(done, 50))")

    def complaints(self) -> list[str]:
        """Uncaught exceptions, console errors, policy violations, and requests for anything but the page itself."""
        found = []
        for event in self.browser.events:
            if event.get("sessionId") == self.session:
                method, parameters = event["method"], event["params"]
                error = parameters.get("type") == "error" or parameters.get("entry", {}).get("level") == "error"
                if method == "Runtime.exceptionThrown" or error:
                    found.append(json.dumps(parameters))
                elif method == "Network.requestWillBeSent" and not parameters["request"]["url"].startswith("file:"):
                    found.append(parameters["request"]["url"])
        return found


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A running Chromium. Without one the test is skipped, on a CI machine it fails."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no chromium on this machine (apt-get install chromium)")
    running = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """An empty page; ``open_page`` fills it."""
    target = browser.command("Target.createTarget", url="about:blank")["targetId"]
    session = browser.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    page = Tab(browser, session)
    for domain in ("Page", "Runtime", "Log", "Network"):
        page.command(f"{domain}.enable")
    yield page
    browser.command("Target.closeTarget", targetId=target)


@pytest.fixture
def open_page(tab: Tab) -> Any:
    """``open_page(path, fragment, width)``: load a file and wait until it has been drawn."""

    def load(path: Path, fragment: str = "", width: int = 1200) -> Tab:
        tab.command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        tab.command("Page.navigate", url=path.as_uri() + fragment)
        tab.browser.wait("Page.loadEventFired", tab.session)
        return tab

    return load
