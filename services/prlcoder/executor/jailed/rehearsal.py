"""A conversation between a tester and a candidate within the zygote, before anything is cloned from it.

Python adapts the bytecode of a function while it first runs, which writes to the function's memory. After a clone each
page that is written must be copied, and every tester and every candidate would pay for the same copies again.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from prlcoder.executor.jailed.candidate import CHANNEL_FD
from prlcoder.executor.jailed.candidate_rpc import CandidateLink
from prlcoder.executor.jailed.link import Channel
from prlcoder.executor.jailed.tester_rpc import TestBuiltins, TesterLink

CONVERSATIONS: Final = 3
CALLS: Final = 20  # Python 3.11 adapts a function after its eighth call
ARGUMENTS: Final[tuple[tuple[Any, ...], ...]] = (
    (1, "text", 2.5, None),
    ([1, 2, 3], {"a": 1}, {1}),
    (("a", (1, 2)), [[1], ["b"]]),
)


class _Replies:
    """Stands for the candidate's channel: it keeps what the candidate sends."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sent.append(data)


class _Requests:
    """Stands for the tester's channel: the candidate serves a request when the tester waits for the reply."""

    def __init__(self, candidate: CandidateLink, replies: _Replies) -> None:
        self._candidate, self._replies = candidate, replies
        self._request = b""

    def send(self, data: bytes) -> None:
        self._request = data

    def receive(self) -> bytes:
        self._candidate.serve(*self._candidate.unpack(self._request))
        return self._replies.sent.pop()


def _same(*arguments: Any) -> Any:
    return arguments[0]


class Links(NamedTuple):
    """Both ends of a connection that no clone has used: a tester's process takes one, a candidate's the other."""

    tester: TesterLink
    candidate: CandidateLink


def _connect() -> Links:
    """Two ends without a channel that share one object, a function, and with it what a proxy for functions is."""
    replies: Any = _Replies()
    candidate_link = CandidateLink(replies)
    requests: Any = _Requests(candidate_link, replies)
    tester_link = TesterLink(requests)
    candidate_link.namespace = {"same": _same}
    tester_link.request("name", ("same",))
    return Links(tester_link, candidate_link)


def _converse(link: TesterLink) -> None:
    function = TestBuiltins(link, {}, frozenset({"same"}))["same"]
    for _ in range(CALLS):
        for arguments in ARGUMENTS:
            function(*arguments)


def rehearse() -> Links:
    """Let two ends talk, and make the ends that the clones use."""
    for _ in range(CONVERSATIONS):
        _converse(_connect().tester)
    links = _connect()
    links.tester.channel, links.candidate.channel = Channel(CHANNEL_FD), Channel(CHANNEL_FD)
    return links
