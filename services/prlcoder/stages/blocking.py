"""The synchronous twin of the clients: the same code, driven on a thread that runs an event loop.

Not for use on an event loop of your own; several threads may share one twin.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from prlcoder.executor import ExecutionRequest, ExecutionResult
from prlcoder.executor.serving.client import ExecutorClient
from prlcoder.executor.serving.execution_stream import WINDOW, ExecutionStream, Indexed
from prlcoder.mutator import Variant
from prlcoder.mutator.serving.client import CutProgram, MutatorClient, Rules
from prlcoder.prm.items import ProgramScores, ProgramToScore
from prlcoder.prm.serving.client import PrmClient
from prlcoder.rpc.address import Address
from prlcoder.rpc.client import TIMEOUT_S, Client, ServiceError
from prlcoder.segmenter import Mode, Segment, SegmentationError
from prlcoder.segmenter.serving.client import SegmenterClient
from prlcoder.v1 import executor_pb2

AHEAD: Final = 4 * WINDOW  # items drawn before the oldest result has been taken

T = TypeVar("T")
C = TypeVar("C", bound=Client)


class LoopThread:
    """An event loop that runs on a thread until ``stop``."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="prlcoder-rpc", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``; an exception here (Ctrl-C, say) cancels it there."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """End what still runs, the loop and its thread."""
        self.run(_end_others())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Blocking(Generic[C]):
    """A client on a thread of its own. Usable as a context manager."""

    def __init__(self, make: Callable[[], C]) -> None:
        self._thread = LoopThread()

        async def made() -> C:
            return make()

        self._client = self._thread.run(made())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel and end the thread."""
        self._thread.run(self._client.close())
        self._thread.stop()


class BlockingSegmenter(Blocking[SegmenterClient]):
    """``SegmenterClient`` for synchronous code."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(lambda: SegmenterClient(address, timeout_s=timeout_s))

    def segment(self, programs: Sequence[str], mode: Mode) -> list[list[Segment] | SegmentationError]:
        """Each program's segments, or why it has none."""
        return self._thread.run(self._client.segment(programs, mode))


class BlockingMutator(Blocking[MutatorClient]):
    """``MutatorClient`` for synchronous code."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(lambda: MutatorClient(address, timeout_s=timeout_s))

    def propose(self, programs: Sequence[CutProgram], rules: Rules) -> list[dict[int, list[Variant]]]:
        """For each program the variants by segment index."""
        return self._thread.run(self._client.propose(programs, rules))


class BlockingPrm(Blocking[PrmClient]):
    """``PrmClient`` for synchronous code."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(lambda: PrmClient(address, timeout_s=timeout_s))

    def score(self, items: Sequence[ProgramToScore]) -> list[ProgramScores | ServiceError]:
        """Scores of each item, or why there are none."""
        return self._thread.run(self._client.score(items))


class BlockingExecutor(Blocking[ExecutorClient]):
    """``ExecutorClient`` for synchronous code; ``run`` and ``execute`` are those of ``prlcoder.executor.Executor``."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S, fresh: bool = False) -> None:
        super().__init__(lambda: ExecutorClient(address, timeout_s=timeout_s, fresh=fresh))

    def execute(self, item: ExecutionRequest) -> ExecutionResult:
        """One item's result."""
        return self._thread.run(self._client.execute(item))

    def capabilities(self) -> executor_pb2.GetCapabilitiesResponse:
        """What the server offers."""
        return self._thread.run(self._client.capabilities())

    def run(self, items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
        """Results in input order. Items are drawn on the caller's thread, a bounded number ahead of the results."""
        feed = _Feed(self._thread.loop, self._client)
        early: dict[int, ExecutionResult] = {}
        source, drawn, due, exhausted = iter(items), 0, 0, False
        try:
            while True:
                burst: list[ExecutionRequest] = []
                while not exhausted and drawn - due - len(early) < WINDOW and drawn - due < AHEAD:
                    item = next(source, None)
                    exhausted = item is None
                    if item is not None:
                        burst.append(item)
                        drawn += 1
                feed.give(burst, ended=exhausted)
                if exhausted and due == drawn:
                    return
                while due not in early:
                    index, result = feed.take()
                    early[index] = result
                while due in early:
                    yield early.pop(due)
                    due += 1
        finally:
            feed.close()


class _Feed:
    """A stream's two ends on the caller's thread: executions in, answers out."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: ExecutorClient) -> None:
        self._loop, self._client = loop, client
        self._items: deque[ExecutionRequest] = deque()
        self._told_end = self._last = False
        self._answers: queue.SimpleQueue[Indexed | BaseException] = queue.SimpleQueue()
        self._stream: ExecutionStream | None = None
        self._work = asyncio.run_coroutine_threadsafe(self._drive(), loop)

    def give(self, items: Sequence[ExecutionRequest], *, ended: bool) -> None:
        """More executions; ``ended``: the last ones."""
        if items or (ended and not self._told_end):
            self._told_end = ended
            self._loop.call_soon_threadsafe(self._given, items, ended)

    def take(self) -> Indexed:
        """The next answer, waited for."""
        answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def close(self) -> None:
        """Nothing more is wanted: what still runs is cancelled."""
        self._work.cancel()

    # --- on the loop ------------------------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the last execution has been drawn."""
        return self._last and not self._items

    def draw(self) -> ExecutionRequest | None:
        """The next execution, if there is one now."""
        return self._items.popleft() if self._items else None

    def _given(self, items: Sequence[ExecutionRequest], ended: bool) -> None:
        self._items.extend(items)
        self._last = ended
        if self._stream is not None:
            self._stream.look_again()

    async def _drive(self) -> None:
        self._stream = self._client.stream(self)
        try:
            async for answer in self._client.answers(self._stream):
                self._answers.put(answer)
        except BaseException as error:
            self._answers.put(error)
            raise
