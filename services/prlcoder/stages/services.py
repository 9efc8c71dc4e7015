"""The pipeline over services: what a run uses in place of the cores where an address is given.

An address comes from the spec (``services.executor``) or from the environment (``PRLCODER_EXECUTOR``), the spec first;
without one the core works in this process. Results are the same item by item. Trust and identity of the clients come
from the environment (``prlcoder.rpc.address``).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, ProgramRunner, ResourceLimits, Verdict
from prlcoder.executor.protocol import ClosingRunner
from prlcoder.mutator import RuleTeacher, Teacher, Variant
from prlcoder.segmenter import BatchSegmenter, Mode, Segment, SegmentationError, segment_each
from prlcoder.spec import ExecutionSettings as ExecutionSection
from prlcoder.spec import RulesTeacher, Services

if TYPE_CHECKING:  # gRPC is imported only where an address is given
    from prlcoder.rpc.address import Address

# A program with lone surrogates cannot be sent, and no Python compiles it: what the executor says of it.
NOT_TEXT: Final = ExecutionResult(Verdict.COMPILE_ERROR, "UnicodeEncodeError")
Name = Literal["segmenter", "mutator", "executor", "prm", "policy"]


def address(services: Services, name: Name) -> Address | None:
    """Where a service is; None to do its work in this process."""
    target: str | None = getattr(services, name) or os.environ.get(f"PRLCODER_{name.upper()}")
    if not target:
        return None
    from prlcoder.rpc.address import Address

    return Address.of(target)


def open_executor(services: Services, settings: ExecutionSection) -> AbstractContextManager[ProgramRunner]:
    """A sandbox with these settings, here or behind an address."""
    limits = ResourceLimits(cpu_s=settings.cpu_limit, wall_s=settings.wall_limit, memory_mib=settings.memory_limit)
    remote = address(services, "executor")
    if remote is not None:
        return RemoteExecutor(remote, limits)
    return Executor(workers=settings.workers, jail=settings.jail, profile=settings.profile, limits=limits)


def segmenter(services: Services) -> BatchSegmenter:
    """What cuts the canonical solutions of a supervision, here or behind an address."""
    remote = address(services, "segmenter")
    return segment_each if remote is None else RemoteSegmenter(remote)


def rule_teacher(services: Services, section: RulesTeacher, seed: int) -> Teacher:
    """The rule teacher of a spec's section, here or behind an address."""
    remote = address(services, "mutator")
    if remote is not None:
        return RemoteRuleTeacher(remote, seed, section.mutations, section.refactorings)
    return RuleTeacher(seed, mutations=section.mutations, refactorings=section.refactorings)


class RemoteExecutor(ClosingRunner):
    """``Executor`` behind an address. ``limits`` are those of items that have none."""

    def __init__(self, target: Address, limits: ResourceLimits) -> None:
        """``ServiceError`` if the server is not there."""
        from prlcoder.executor.serving.blocking import BlockingExecutor

        self._client = BlockingExecutor(target, fresh=True)  # a kept result's measurements are another run's
        self._limits = limits
        self.profile = self._client.capabilities().profile

    def close(self) -> None:
        """Close the connection. The server abandons the runs that have not finished."""
        self._client.close()

    def run(self, items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
        """Results in input order."""
        drawn: deque[bool] = deque()  # which of the items drawn, and not answered, went to the server

        def sent() -> Iterator[ExecutionRequest]:
            for item in items:
                drawn.append(_is_text(item.program))
                if drawn[-1]:
                    yield replace(item, limits=item.limits or self._limits)

        for result in self._client.run(sent()):
            while not drawn.popleft():
                yield replace(NOT_TEXT, profile=self.profile)
            yield result
        yield from (replace(NOT_TEXT, profile=self.profile) for _ in drawn)


def _is_text(program: str) -> bool:
    try:
        program.encode()
    except UnicodeEncodeError:
        return False
    return True


class RemoteSegmenter:
    """``segment_each`` behind an address."""

    def __init__(self, target: Address) -> None:
        from prlcoder.segmenter.serving.client import BlockingSegmenter

        self._client = BlockingSegmenter(target)

    def __call__(self, programs: Sequence[str], mode: Mode) -> list[list[Segment] | SegmentationError]:
        """One outcome a program, in order. A call each: a call takes about a millisecond, and has no batch limit."""
        return [self._client.segment([program], mode)[0] for program in programs]


class RemoteRuleTeacher:
    """``RuleTeacher`` behind an address. A program's steps are asked for together."""

    name = RuleTeacher.name

    def __init__(self, target: Address, seed: int, mutations: int, refactorings: int) -> None:
        from prlcoder.mutator.serving.client import BlockingMutator, Rules

        self._client = BlockingMutator(target)
        self._rules = Rules(seed, mutations, refactorings)
        self._last: tuple[str, str] | None = None
        self._variants: dict[int, list[Variant]] = {}

    def propose(self, problem_id: str, source: str, segments: list[Segment], index: int) -> list[Variant]:
        """Variants of ``segments[index]``, as the rule teacher gives them."""
        from prlcoder.mutator.serving.client import CutProgram

        if self._last != (problem_id, source):
            (self._variants,) = self._client.propose([CutProgram(problem_id, source, segments)], self._rules)
            self._last = problem_id, source
        return self._variants.get(index, [])
