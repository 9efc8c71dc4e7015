"""Runs the reward model of a server in a child process.

There are two reasons. A pass over the model takes Python's interpreter lock hundreds of times, and the code that serves
calls holds the lock for milliseconds at a time; in one process, every pass would be delayed by all calls beside it. And
a failure that ends the model's process (out of memory, a driver) does not end the server: a new process starts and
scores the unfinished items.

The two processes exchange pickled messages over a socket. The server sends ``ScoreRequest``, ``Render``, ``Update`` and
``Cancel``; the child sends ``Ready``, ``WorkerAnswer`` and ``Batch``.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import socket
import struct
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from prlcoder.errors import InputError, WorkError
from prlcoder.modeling.reward_record import RewardRecord
from prlcoder.prm.items import ItemError, ProgramScores, ProgramToScore
from prlcoder.prm.serving.batching import Batch, BatchLimits
from prlcoder.problems.prompts import Prompt, PromptTemplate, render
from prlcoder.rpc.admission import RETRY_AFTER_S
from prlcoder.rpc.errors import unavailable
from prlcoder.rpc.process_pool import settle_worker
from prlcoder.telemetry.logs import logger

if TYPE_CHECKING:
    from prlcoder.prm.serving.live import LiveScorer
    from prlcoder.prm.serving.settings import PrmSettings
    from prlcoder.problems.model import Problem

LOG = logger("prm")
MAX_ATTEMPTS: Final = 2  # the end of the process hits all items in it, so those beside the culprit are tried again
CHAT_TEMPLATE: Final = "chat"  # the template that only the model's tokenizer can fill in
CLOSE_S: Final = 30.0  # for the process to finish its work when the server closes
RESTART_S: Final = 1.0  # between attempts to start a new process
FORK_SERVER_IMPORTS: Final = (
    "prlcoder.prm.serving.live",
    "prlcoder.prm.step_model",
    "transformers.modeling_layers",
)  # these imports take about 6 s
GPU_DEVICES: Final = ("/dev/nvidiactl", "/dev/kfd")  # of NVIDIA and AMD; one of them exists where a GPU can be used
_LENGTH: Final = struct.Struct("!Q")

BatchOutcome = list[ProgramScores | ItemError]
Value: TypeAlias = "BatchOutcome | Prompt | tuple[ServedModel, float]"


@dataclass(frozen=True)
class ServedModel:
    """The checkpoint that scores new items. ``max_length`` is its context in tokens, ``device`` torch's name for the
    type of its device, ``record`` what its folder says about it."""

    version: int
    path: str
    template: PromptTemplate
    max_length: int
    parameters: int
    device: str
    record: RewardRecord


@dataclass(frozen=True)
class ScoreRequest:
    """Items to score together."""

    number: int
    items: Sequence[ProgramToScore]


@dataclass(frozen=True)
class Render:
    """A problem to render with the chat template of the model's tokenizer."""

    number: int
    problem: Problem
    template: PromptTemplate


@dataclass(frozen=True)
class Cancel:
    """The caller of this request no longer waits for its answer."""

    number: int


@dataclass(frozen=True)
class Update:
    """A checkpoint to switch to."""

    number: int
    version: int
    uri: str


@dataclass(frozen=True)
class Ready:
    """The model is loaded."""

    model: ServedModel


@dataclass(frozen=True)
class WorkerAnswer:
    """The answer to one request: a ``BatchOutcome`` for ``ScoreRequest``, a prompt for ``Render``, and for ``Update``
    the model that serves now and the pause in seconds; or an exception."""

    number: int
    value: Value | Exception


@dataclass(eq=False)
class _Asked:
    message: ScoreRequest | Render | Update
    answered: asyncio.Future[Any]
    attempts: int = 1


class ModelProcess:
    """``score`` and ``update`` of a ``LiveScorer`` that runs in the child process. For one event loop."""

    def __init__(self, settings: PrmSettings, on_batch: Callable[[Batch], None] = lambda batch: None) -> None:
        self._settings = settings
        self._on_batch = on_batch
        self._asked: dict[int, _Asked] = {}
        self._numbers = count()
        self._updating = asyncio.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._reading: asyncio.Task[None] | None = None
        self._closing = False
        self.healthy = False
        self.model: ServedModel

    async def start(self) -> None:
        """Load the model. ``InputError`` if it cannot be loaded or is not a reward model."""
        self.model = await self._open(0, self._settings.model)
        self._reading = asyncio.create_task(self._read())

    async def score(self, items: Sequence[ProgramToScore]) -> BatchOutcome:
        """The scores of each item, or the ``ItemError`` that says why there are none. Cancelling drops waiting items.

        While a new process starts, items wait. ``CallError`` (UNAVAILABLE) for items with which the process ended
        twice.
        """
        found: BatchOutcome = await self._ask(ScoreRequest(next(self._numbers), items))
        return found

    async def render(self, problem: Problem, template: PromptTemplate | str) -> Prompt:
        """The problem's prompt. ``InputError`` if this model's tokenizer cannot render it."""
        template = PromptTemplate.of(template)
        if template.name != CHAT_TEMPLATE:
            return render(problem, template)
        prompt: Prompt = await self._ask(Render(next(self._numbers), problem, template))
        return prompt

    async def update(self, version: int, uri: str) -> float:
        """Switch to another checkpoint. Returns for how many seconds the switch delayed items. ``InputError`` if it
        cannot be loaded or ``version`` is not above the present one; nothing has changed then."""
        async with self._updating:
            _, pause = await self._ask(Update(next(self._numbers), version, uri))
            return float(pause)

    async def close(self) -> None:
        """Finish the waiting items and end the process."""
        self._closing = True
        if self._reading is not None:
            self._writer.write_eof()
            await asyncio.wait([self._reading], timeout=CLOSE_S)
        if self._process is not None:
            # It has ended by itself, unless a pass takes too long or its start was interrupted.
            self._process.kill()

    async def _ask(self, message: ScoreRequest | Render | Update) -> Any:
        asked = _Asked(message, asyncio.get_running_loop().create_future())
        self._asked[message.number] = asked
        if self.healthy:
            _send(self._writer, message)
        try:
            return await asked.answered
        finally:
            if self._asked.pop(message.number, None) is not None and self.healthy:  # cancelled
                _send(self._writer, Cancel(message.number))

    async def _open(self, version: int, path: str) -> ServedModel:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = _context().Process(
                target=_run, args=(theirs, self._settings, version, path), name="model", daemon=True
            )
            # Starting takes seconds while the fork server imports, so it must not block the event loop.
            starting = asyncio.ensure_future(asyncio.to_thread(process.start))
            try:
                await asyncio.shield(starting)
            finally:
                # Wait for the thread even if this is cancelled: it uses the sockets, which are closed next.
                await starting
                self._process = process
            self._reader, self._writer = await asyncio.open_connection(sock=ours.dup())
        said = await _receive(self._reader)
        if isinstance(said, Ready):
            self.healthy = True
            return said.model
        ended = await self._end()
        if isinstance(said, Exception):
            raise said
        raise WorkError(f"model {path}: its process ended with {ended} while it loaded; is there memory enough?")

    async def _end(self) -> int | None:
        """Wait for the process, which has closed its end; its exit status."""
        assert self._process is not None
        self.healthy = False
        self._writer.close()
        await asyncio.to_thread(self._process.join)
        return self._process.exitcode

    async def _read(self) -> None:
        """Hand out what the process says; where it ends unasked, start another."""
        while True:
            while (said := await _receive(self._reader)) is not None:
                if isinstance(said, Batch):
                    self._on_batch(said)
                    continue
                if isinstance(said.value, tuple):  # it has changed over, whether or not the caller is still there
                    self.model = said.value[0]
                if (asked := self._asked.pop(said.number, None)) is not None and not asked.answered.done():
                    if isinstance(said.value, Exception):
                        asked.answered.set_exception(said.value)
                    else:
                        asked.answered.set_result(said.value)
            ended = await self._end()
            if self._closing:
                return
            LOG.warning("the model's process ended; starting another", extra={"exit": ended})
            self._give_up_what_was_fatal()
            await self._open_again()
            for asked in self._asked.values():
                _send(self._writer, asked.message)
            if self._closing:
                self._writer.write_eof()

    def _give_up_what_was_fatal(self) -> None:
        for asked in self._asked.values():
            if asked.attempts < MAX_ATTEMPTS:
                asked.attempts += 1
                continue
            if isinstance(asked.message, Update):
                error: Exception = InputError(
                    f"model {asked.message.uri}: the process that loaded it ended, twice; {self.model.path} serves on"
                )
            else:
                message = "the model's process ended twice with this; it is started anew"
                error = unavailable("MODEL_LOST", message, RETRY_AFTER_S)
            if not asked.answered.done():
                asked.answered.set_exception(error)
        self._asked = {number: asked for number, asked in self._asked.items() if not asked.answered.done()}

    async def _open_again(self) -> None:
        while not self._closing:
            try:
                self.model = await self._open(self.model.version, self.model.path)
                return
            except WorkError as error:
                LOG.warning("the model's process ended again; starting another", extra={"cause": str(error)})
            except Exception as error:  # whatever it is, those who wait have a deadline
                LOG.error(
                    "the model does not start", exc_info=not isinstance(error, InputError), extra={"cause": str(error)}
                )
            await asyncio.sleep(RESTART_S)


def _context() -> Any:
    """How the model's process starts. Forking the server itself is not safe, because it runs gRPC's threads.

    A fork server has done the slow imports before it forks. But if one of these imports merely asks CUDA for a device,
    CUDA cannot be used in the forked children. So where a GPU may exist, a fresh interpreter is started instead.
    """
    if any(Path(device).exists() for device in GPU_DEVICES):
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(FORK_SERVER_IMPORTS))
    return context


# --- in the model's process -----------------------------------------------------------------------------------------


def _run(end: socket.socket, settings: PrmSettings, version: int, path: str) -> None:
    settle_worker()
    asyncio.run(_serve(end, settings, version, path))


async def _serve(end: socket.socket, settings: PrmSettings, version: int, path: str) -> None:
    from prlcoder.prm.serving.live import LiveScorer
    from prlcoder.prm.step_model import StepModel

    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(sock=end)
    try:
        model = await asyncio.to_thread(StepModel.load, path)
    except Exception as error:
        _send(writer, _portable(error))
    else:
        limits = BatchLimits(settings.batch_tokens or model.batch_tokens, settings.batch_delay_s)

        def note(batch: Batch) -> None:  # on the model's thread
            loop.call_soon_threadsafe(_send, writer, batch)

        async with LiveScorer(
            model, version=version, limits=limits, kept_tokens=settings.kept_tokens, on_batch=note
        ) as live:
            _send(writer, Ready(_served(live)))
            await _answer_all(live, reader, writer)
    writer.close()
    await writer.wait_closed()


async def _answer_all(live: LiveScorer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests until the server closes its side and every answer is sent."""
    tasks: dict[int, asyncio.Task[None]] = {}

    async def answer(message: ScoreRequest | Render | Update) -> None:
        value: Value | Exception
        try:
            match message:
                case ScoreRequest():
                    value = await live.score(message.items)
                case Render():
                    value = render(message.problem, message.template, live.model.tokenizer)
                case Update():
                    pause = await live.update(message.version, message.uri)
                    value = _served(live), pause
        except Exception as error:
            value = _portable(error)
        _send(writer, WorkerAnswer(message.number, value))

    def start(message: ScoreRequest | Render | Update) -> None:
        tasks[message.number] = asyncio.create_task(answer(message))
        tasks[message.number].add_done_callback(lambda _: tasks.pop(message.number))

    while (message := await _receive(reader)) is not None:
        if not isinstance(message, Cancel):
            start(message)
        elif message.number in tasks:
            tasks[message.number].cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


def _served(live: LiveScorer) -> ServedModel:
    model = live.model
    return ServedModel(
        live.version,
        model.path,
        model.template,
        model.max_length,
        model.model.num_parameters(),
        model.model.device.type,
        model.record,
    )


def _portable(error: Exception) -> Exception:
    """An exception that the other process can unpickle: an ``InputError`` unchanged, any other as text with its
    traceback, because its class may not be importable or picklable there."""
    if isinstance(error, InputError):
        return error
    return RuntimeError("".join(traceback.format_exception(error)))


# --- messages -------------------------------------------------------------------------------------------------------


def _send(writer: asyncio.StreamWriter, message: object) -> None:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    writer.write(_LENGTH.pack(len(data)) + data)


async def _receive(reader: asyncio.StreamReader) -> Any:
    """The next message; None if the other process has closed its side or has ended."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
