"""The servers of a load test: real ``prlcoder serve`` processes whose workers are killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from load_ledger import descendants
from prlcoder.cli.serve_all import read_ready
from prlcoder.problems.nano.stream import stream

START_S: Final = 120.0
STOP_S: Final = 60.0
QUEUE_ITEMS: Final = 128  # small enough that twice the capacity fills it at once
OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "executor": ("--workers", "2", "--cache", "1024"),
    "segmenter": ("--workers", "1"),
    "mutator": ("--workers", "1"),
}
LIMITS: Final = (
    "--max-queue",
    str(QUEUE_ITEMS),
    "--max-batch",
    str(QUEUE_ITEMS),
    "--max-calls",
    "256",
    "--max-connection-age",
    "5",
)


@dataclass
class ServerProcess:
    """One server. ``log`` is its standard error."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    address: str
    metrics: str

    @property
    def workers(self) -> list[int]:
        """Its child processes that do work (not Python's resource tracker)."""
        return [pid for pid in descendants(self.process.pid) if _parent(pid) == self.process.pid and _works(pid)]

    def models(self) -> list[int]:
        """The PRM's model process, which a fork server has started."""
        return [pid for pid in descendants(self.process.pid) if _parent(pid) != self.process.pid and _forked(pid)]

    def zygotes(self) -> list[int]:
        """The child processes of its jails."""
        jails = set(self.workers)
        return [pid for pid in descendants(self.process.pid) if _parent(pid) in jails]

    def unfinished(self) -> dict[str, float]:
        """Unfinished calls by method, and queued items as ``queue``; zeros are left out."""
        left: dict[str, float] = {}
        for line in self._metrics_page().splitlines():
            name, _, value = line.rpartition(" ")
            labels = dict(part.split("=", 1) for part in name.partition("{")[2].rstrip("}").split(",") if "=" in part)
            sign = {"grpc_server_started_total": 1, "grpc_server_handled_total": -1}.get(name.partition("{")[0], 0)
            if sign:
                method = labels["grpc_method"].strip('"')
                left[method] = left.get(method, 0) + sign * float(value)
            if name == "prlcoder_executor_queue_depth":
                left["queue"] = float(value)
        return {name: count for name, count in left.items() if count}

    def faults(self) -> list[str]:
        """Lines of its log that a healthy server does not write."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line[:2000] for line in lines if not _harmless(line)]

    def stop(self) -> int | None:
        """Send SIGTERM and return the exit code, or None if the server had to be killed."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def _metrics_page(self) -> str:
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=30) as page:
            text: str = page.read().decode()
        return text


@contextmanager
def serving(folder: Path, prm_model: Path) -> Iterator[dict[str, ServerProcess]]:
    """Run executor, segmenter, mutator and PRM on loopback until the block ends."""
    options = {**OPTIONS, "prm": ("--model", str(prm_model), "--template", "plain")}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
    try:
        for name, own in options.items():
            log = folder / f"{name}.log"
            command = [sys.executable, "-m", "prlcoder.cli", "serve", name, *own, *LIMITS, "--log-level", "warning"]
            with log.open("wb") as errors:
                process = subprocess.Popen(
                    [*command, "--ready-file", str(folder / f"{name}.json")],
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env=environment,
                )
            started[name] = (process, log)
        yield {name: _ready(name, folder / f"{name}.json", *pair) for name, pair in started.items()}
    finally:
        for process, _ in started.values():
            process.kill()
            process.wait()


def _ready(name: str, file: Path, process: subprocess.Popen[bytes], log: Path) -> ServerProcess:
    ends = time.monotonic() + START_S
    while not file.exists():
        if process.poll() is not None or time.monotonic() > ends:
            raise RuntimeError(f"the {name} did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)
    ports = read_ready(file)[name]
    return ServerProcess(name, process, log, ports["grpc"] or "", ports["metrics"] or "")


@dataclass
class Killer:
    """Kills workers of the servers, one kind after the other."""

    servers: dict[str, ServerProcess]
    rng: random.Random
    _turn: int = field(default=0, init=False)

    def strike(self) -> str | None:
        """Kill the next victim and return its name, or None if it does not exist at the moment."""
        executor = self.servers["executor"]
        turns = ("zygote", "jail", "model", "all", "compute")
        turn = turns[self._turn % len(turns)]
        self._turn += 1
        match turn:
            case "zygote":
                return self._kill("executor's zygote", executor.zygotes())
            case "jail":
                return self._kill("executor's jail", executor.workers)
            case "model":
                return self._kill("prm's model", self.servers["prm"].models())
            case "all":
                return self._kill("executor's jails, all", executor.workers, all_of_them=True)
        name = self.rng.choice(("segmenter", "mutator", "prm"))
        return self._kill(f"{name}'s worker", self.servers[name].workers)

    def _kill(self, victim: str, pids: list[int], *, all_of_them: bool = False) -> str | None:
        if not pids:
            return None
        for pid in pids if all_of_them else [self.rng.choice(pids)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return victim


def tiny_prm(folder: Path, seed: int) -> Path:
    """A reward model with random weights, made in seconds."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    from prlcoder.modeling.scratch_tokenizers import nano_tokenizer
    from prlcoder.training.stages.reward import step_classifier

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # the warning about a new head is expected
    tokenizer = nano_tokenizer([f"{item.statement}\n{item.program}" for item in stream(200, seed=7, exclude=())])
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    model = step_classifier(str(folder / "base"), seed=seed)
    torch.nn.init.normal_(model.score.weight, std=0.3)
    model.save_pretrained(folder / "prm")
    tokenizer.save_pretrained(folder / "prm")
    return folder / "prm"


def _harmless(line: str) -> bool:
    """Whether a log line is expected from a healthy server: JSON, and not an error."""
    try:
        row = json.loads(line)
    except ValueError:
        return False
    return bool(row.get("level") != "error")


def _parent(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _forked(pid: int) -> bool:
    with suppress(OSError):
        return b"multiprocessing.forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _works(pid: int) -> bool:
    with suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        return b"spawn_main" in command or b"nsjail" in command
    return False
