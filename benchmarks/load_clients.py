"""The executor's clients in a load test: good ones, which must receive every result once and right, and faulty ones.

Each client is a coroutine that runs until ``Traffic.ends`` and records in the ledger what it sees. Each kind of client
has a set of status codes that it may see; every other one is recorded as unexpected.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio

from load_ledger import Ledger
from load_programs import Known, known
from prlcoder.executor.serving.client import ExecutorClient
from prlcoder.executor.serving.messages import read_result
from prlcoder.executor.serving.requests import ExecutionWriter
from prlcoder.rpc.address import Address
from prlcoder.rpc.client import never_answered, open_channel, retry_after
from prlcoder.v1 import executor_pb2, executor_pb2_grpc

MAX_WAIT_S: Final = 120.0  # of the good clients; far above what anything takes
REFUSED: Final = frozenset(
    {"RESOURCE_EXHAUSTED", "UNAVAILABLE SANDBOX_FAILED", "UNAVAILABLE max_age", "UNAVAILABLE refused"}
)
ENDED_EARLY: Final = "ended while writing"  # grpc.aio's client loses the status of a stream that it writes to
# If a call was the last one on a connection that is to be closed for its age, the connection closes with it. A client
# that writes at that moment gets this status and never reads how the call ended.
CLOSED: Final = "UNAVAILABLE closed while writing"


@dataclass
class Traffic:
    """State that the clients of one run share. ``models`` are the checkpoints that the PRM serves in turn."""

    addresses: Mapping[str, str]
    models: Sequence[str]
    ledger: Ledger
    ends: float = 0.0  # time.monotonic
    rng: random.Random = field(default_factory=random.Random)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    logits: dict[int, list[list[float]]] = field(default_factory=dict)  # by model, of TEXTS
    writer: ExecutionWriter = field(default_factory=ExecutionWriter)

    @property
    def going(self) -> bool:
        """Whether the load has not ended."""
        return time.monotonic() < self.ends

    def draw(self, count: int) -> list[Known]:
        """Programs that nobody has sent yet."""
        return [known(number) for number in itertools.islice(self.numbers, count)]

    def request(self, program: Known) -> executor_pb2.ExecuteBatchRequest:
        """One item of a stream; its id is the program's number."""
        return executor_pb2.ExecuteBatchRequest(
            id=str(program.number), execution=self.writer.write(program.item, fresh=True)
        )

    async def pause(self, most_s: float) -> None:
        """Sleep for a random time of at most ``most_s``."""
        await asyncio.sleep(self.rng.uniform(0, most_s))


def executor_stub(channel: grpc.aio.Channel) -> Any:
    """A stub without retries."""
    return executor_pb2_grpc.ExecutorServiceStub(channel)


def code_of(error: grpc.aio.AioRpcError) -> str:
    """A status as the ledger counts it: UNAVAILABLE with its reason, RESOURCE_EXHAUSTED if its hint is missing."""
    name = error.code().name
    if name == "RESOURCE_EXHAUSTED" and retry_after(error, 0.0) is None:
        return "RESOURCE_EXHAUSTED without a hint"
    if never_answered(error):
        return ENDED_EARLY
    if name == "UNAVAILABLE":
        causes = {
            "the sandbox failed": "SANDBOX_FAILED",
            "max_age": "max_age",
            "error code 7": "refused",  # by HTTP/2
            "Stream removed (sendmsg: Broken pipe": "closed while writing",
        }
        name = " ".join([name, *(cause for words, cause in causes.items() if words in str(error.details()))])
    return name


# --- good clients of the executor -----------------------------------------------------------------------------------


async def steady(traffic: Traffic, count: int = 150) -> None:
    """Batches over the typed client, which repeats what a broken stream has lost."""
    async with ExecutorClient(traffic.addresses["executor"], fresh=True) as client:
        while traffic.going:
            batch, asked = traffic.draw(count), dict[int, float]()

            def items(batch: list[Known] = batch, asked: dict[int, float] = asked) -> Iterator[Any]:
                for index, program in enumerate(batch):
                    asked[index] = time.monotonic()
                    yield program.item

            seen: Counter[int] = Counter()
            last = time.monotonic()
            try:
                async with asyncio.timeout(MAX_WAIT_S), aclosing(client.as_completed(items())) as results:
                    async for index, result in results:
                        seen[index] += 1
                        last = time.monotonic()
                        traffic.ledger.judge(batch[index].fault(result), asked[index])
            except TimeoutError:
                waited = time.monotonic() - last
                traffic.ledger.unexpected.append(
                    f"steady: {len(asked)} drawn, {len(seen)} answered, the last {waited:.1f} s ago"
                )
            _require_once(traffic, "steady", {str(index): 1 for index in range(count)}, Counter(map(str, seen)))


async def by_hand(traffic: Traffic, count: int = 60) -> None:
    """A stream without the typed client: each outcome arrives exactly once, also for ids that are sent twice."""
    async with open_channel(Address(traffic.addresses["executor"])) as channel:
        while traffic.going:
            batch = {str(program.number): program for program in traffic.draw(count)}
            due = {name: 1 + (number % 7 == 0) for number, name in enumerate(batch)}
            asked: dict[str, float] = {}
            seen: Counter[str] = Counter()
            requests = _requests(traffic, [batch[name] for name in due for _ in range(due[name])], asked)
            async with asyncio.timeout(MAX_WAIT_S):
                async for response in executor_stub(channel).ExecuteBatch(requests, timeout=MAX_WAIT_S):
                    for one in (response, *response.more):
                        seen[one.id] += 1
                        _judge(traffic, "by hand", one, batch, asked)
            _require_once(traffic, "by hand", due, seen)


async def patient(traffic: Traffic) -> None:
    """One program after the other, with calls repeated while the queue is full."""
    async with ExecutorClient(traffic.addresses["executor"], fresh=True, timeout_s=MAX_WAIT_S) as client:
        while traffic.going:
            (program,) = traffic.draw(1)
            asked = time.monotonic()
            result = await client.execute(program.item)
            traffic.ledger.judge(program.fault(result), asked)
            traffic.ledger.latencies.append(time.monotonic() - asked)
            traffic.ledger.status("patient", "OK", {"OK"})


# --- the others -----------------------------------------------------------------------------------------------------


async def overload(traffic: Traffic, rate: float) -> None:
    """Single calls at random times with ``rate`` per second, never repeated."""
    async with open_channel(Address(traffic.addresses["executor"])) as channel, asyncio.TaskGroup() as group:
        due = time.monotonic()
        while traffic.going:
            due += traffic.rng.expovariate(rate)
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
            group.create_task(_once(traffic, "overload", channel, 30.0, {"OK", *REFUSED}))


async def hasty(traffic: Traffic) -> None:
    """Calls and streams whose deadlines are mostly too short."""
    allowed = {"OK", "DEADLINE_EXCEEDED", ENDED_EARLY, CLOSED, *REFUSED}
    async with open_channel(Address(traffic.addresses["executor"])) as channel:
        while traffic.going:
            left = traffic.rng.choice((0.001, 0.02, 0.1, 0.5))
            if traffic.rng.random() < 0.5:
                await _once(traffic, "hasty", channel, left, allowed)
            else:
                await _stream(traffic, "hasty", channel, allowed, timeout_s=left)
            await traffic.pause(0.1)


async def cancelling(traffic: Traffic) -> None:
    """Calls and streams that are cancelled in the middle."""
    async with open_channel(Address(traffic.addresses["executor"])) as channel:
        while traffic.going:
            allowed = {"OK", "CANCELLED", ENDED_EARLY, *REFUSED}
            if traffic.rng.random() < 0.5:
                call = asyncio.create_task(_once(traffic, "cancelling", channel, 30.0, allowed))
                await traffic.pause(0.2)
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
            else:
                await _stream(traffic, "cancelling", channel, allowed, cancel_after=traffic.rng.randrange(12))
            await traffic.pause(0.1)


async def vanishing(traffic: Traffic) -> None:
    """Connections that are reset, and channels that are closed while calls are open."""
    allowed = {"OK", "UNAVAILABLE", "CANCELLED", "RPC closed", ENDED_EARLY, CLOSED, *REFUSED}
    while traffic.going:
        async with relay(traffic.addresses["executor"]) as (address, cut):
            channel = open_channel(Address(address))
            work = [
                asyncio.create_task(_stream(traffic, "vanishing", channel, allowed)),
                *(asyncio.create_task(_once(traffic, "vanishing", channel, 30.0, allowed)) for _ in range(4)),
            ]
            await traffic.pause(0.6)
            if traffic.rng.random() < 0.7:
                cut()
                await traffic.pause(0.2)
            await channel.close()
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)


async def babbling(traffic: Traffic) -> None:
    """Random bytes that are not HTTP/2, on connections that are half-closed and then reset."""
    names = list(traffic.addresses)
    while traffic.going:
        host, _, port = traffic.addresses[traffic.rng.choice(names)].rpartition(":")
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" if traffic.rng.random() < 0.5 else b""
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(preface + traffic.rng.randbytes(traffic.rng.randrange(1, 400)))
            await writer.drain()
            writer.write_eof()
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1 << 16), 0.2)
            _reset(writer)
        await traffic.pause(0.5)


@asynccontextmanager
async def relay(target: str) -> AsyncIterator[tuple[str, Any]]:
    """An address that forwards to ``target``, and a function that resets every connection through it."""
    host, _, port = target.rpartition(":")
    writers: list[asyncio.StreamWriter] = []
    pumps: list[asyncio.Task[None]] = []
    closed = False

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        writers.extend((writer, back))
        if closed:
            cut()
        else:
            pumps.extend(asyncio.create_task(pump(*ends)) for ends in ((reader, back), (there, writer)))

    def cut() -> None:
        for writer in writers:
            _reset(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", cut
    finally:
        closed = True
        server.close()
        cut()
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Reset a connection: no FIN is sent, and unsent data is dropped."""
    with suppress(OSError):
        end: socket.socket = writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# --- one call, one stream -------------------------------------------------------------------------------------------


async def _once(traffic: Traffic, client: str, channel: grpc.aio.Channel, timeout_s: float, allowed: set[str]) -> None:
    (program,) = traffic.draw(1)
    asked = time.monotonic()
    request = executor_pb2.ExecuteRequest(execution=traffic.request(program).execution)
    try:
        response = await executor_stub(channel).Execute(request, timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        traffic.ledger.status(client, code_of(error), allowed, _details(error, asked))
    except (grpc.aio.UsageError, asyncio.InvalidStateError):
        traffic.ledger.status(client, "RPC closed", allowed)
    else:
        traffic.ledger.status(client, "OK", allowed)
        traffic.ledger.judge(program.fault(read_result(response.result)), asked)


async def _stream(
    traffic: Traffic,
    client: str,
    channel: grpc.aio.Channel,
    allowed: set[str],
    *,
    timeout_s: float = 30.0,
    cancel_after: int | None = None,
) -> None:
    """A stream that may end early; its answers must be right, and none may come twice."""
    batch = {str(program.number): program for program in traffic.draw(24)}
    asked: dict[str, float] = {}
    seen: Counter[str] = Counter()
    began = time.monotonic()
    call = executor_stub(channel).ExecuteBatch(timeout=timeout_s)
    # Requests are written, not given as an iterator: grpc.aio cancels its own call if the last one is not accepted.
    writing = asyncio.create_task(_write(call, _requests(traffic, list(batch.values()), asked)))
    try:
        async for response in call:
            for one in (response, *response.more):
                seen[one.id] += 1
                _judge(traffic, client, one, batch, asked)
            if cancel_after is not None and len(seen) >= cancel_after:
                call.cancel()
    except grpc.aio.AioRpcError as error:
        traffic.ledger.status(client, code_of(error), allowed, _details(error, began))
    except asyncio.CancelledError:  # by this test: one call, or the whole client
        traffic.ledger.status(client, "CANCELLED", allowed)
    except (grpc.aio.UsageError, asyncio.InvalidStateError):
        traffic.ledger.status(client, "RPC closed", allowed)
    else:
        traffic.ledger.status(client, "OK", allowed)
        _require_once(traffic, client, dict.fromkeys(batch, 1), seen)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    traffic.ledger.duplicated += [f"{client}: {name}" for name, count in seen.items() if count > 1]


def _details(error: grpc.aio.AioRpcError, began: float) -> str:
    """Details for the analysis of a failure."""
    return f"after {time.monotonic() - began:.3f} s: {error.debug_error_string()}"


async def _write(call: Any, requests: AsyncIterator[executor_pb2.ExecuteBatchRequest]) -> None:
    """Write all requests; errors are seen by the reader of the call."""
    async for request in requests:
        await call.write(request)
    await call.done_writing()


async def _requests(
    traffic: Traffic, programs: Sequence[Known], asked: dict[str, float]
) -> AsyncIterator[executor_pb2.ExecuteBatchRequest]:
    for program in programs:
        asked.setdefault(str(program.number), time.monotonic())
        yield traffic.request(program)


def _judge(
    traffic: Traffic,
    client: str,
    one: executor_pb2.ExecuteBatchResponse,
    batch: Mapping[str, Known],
    asked: Mapping[str, float],
) -> None:
    if one.id not in batch:
        traffic.ledger.wrong.append(f"{client}: an outcome for {one.id!r}, which was not sent")
    elif one.WhichOneof("outcome") == "result":
        traffic.ledger.judge(batch[one.id].fault(read_result(one.result)), asked[one.id])
    else:
        code = "item SANDBOX_FAILED" if "the sandbox failed" in one.status.message else f"item {one.status.code}"
        traffic.ledger.status(client, code, {"item SANDBOX_FAILED"}, one.status.message)


def _require_once(traffic: Traffic, client: str, due: Mapping[str, int], seen: Mapping[str, int]) -> None:
    """Record ids with fewer or more outcomes than requests."""
    for name, count in due.items():
        if seen.get(name, 0) < count:
            traffic.ledger.lost.append(f"{client}: {name}")
        elif seen[name] > count:
            traffic.ledger.duplicated.append(f"{client}: {name}")
