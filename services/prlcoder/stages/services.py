"""Opens the executor, the segmenter and the rule teacher of a run, in this process or behind an address.

An address comes from the spec (``services.executor``), otherwise from the environment (``PRLCODER_EXECUTOR``). Without
one the work is done in this process. Results are the same, item by item. Certificates and tokens of the clients come
from the environment (``prlcoder.rpc.address``).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from prlcoder.errors import InputError
from prlcoder.executor import (
    ExecutionRequest,
    ExecutionResult,
    Executor,
    PackageFolder,
    ProgramRunner,
    ResourceLimits,
    Verdict,
)
from prlcoder.executor.protocol import ClosingRunner
from prlcoder.mutator import RuleTeacher, Teacher, Variant
from prlcoder.segmenter import BatchSegmenter, Mode, Segment, SegmentationError, segment_each
from prlcoder.spec import ExecutionSettings as ExecutionSection
from prlcoder.spec import RulesTeacher, Services
from prlcoder.telemetry.progress import note_work

if TYPE_CHECKING:  # gRPC is imported only where an address is given
    from prlcoder.rpc.address import Address

# The result of a program with lone surrogates: it cannot be sent, and Python does not compile it.
NOT_TEXT: Final = ExecutionResult(Verdict.COMPILE_ERROR, "UnicodeEncodeError")
ServiceName = Literal["segmenter", "mutator", "executor", "prm", "policy"]


def address(services: Services, name: ServiceName) -> Address | None:
    """The address of a service; None if its work is done in this process."""
    target: str | None = getattr(services, name) or os.environ.get(f"PRLCODER_{name.upper()}")
    if not target:
        return None
    from prlcoder.rpc.address import Address

    return Address.of(target)


def open_executor(services: Services, settings: ExecutionSection) -> AbstractContextManager[ProgramRunner]:
    """A sandbox with these settings, in this process or behind an address."""
    limits = ResourceLimits(
        cpu_s=settings.cpu_limit,
        wall_s=settings.wall_limit,
        memory_mib=settings.memory_limit,
        test_s=settings.test_limit,
    )
    remote = address(services, "executor")
    if remote is not None:
        if settings.packages is not None:
            raise InputError(
                "execution.packages: the executor service has its own packages; start it with --packages, or leave "
                "this out"
            )
        return RemoteExecutor(remote, limits)
    if settings.packages is None and settings.preload:
        raise InputError("execution.preload: has no effect without execution.packages; give both")
    packages = None if settings.packages is None else PackageFolder.open(settings.packages, settings.preload)
    return Executor(
        workers=settings.workers, jail=settings.jail, profile=settings.profile, limits=limits, packages=packages
    )


def segmenter(services: Services) -> BatchSegmenter:
    """The segmenter of canonical solutions, in this process or behind an address."""
    remote = address(services, "segmenter")
    return segment_each if remote is None else RemoteSegmenter(remote)


def rule_teacher(services: Services, section: RulesTeacher, seed: int) -> Teacher:
    """The rule teacher with these settings, in this process or behind an address."""
    remote = address(services, "mutator")
    if remote is not None:
        return RemoteRuleTeacher(remote, seed, section.mutations, section.refactorings)
    return RuleTeacher(seed, mutations=section.mutations, refactorings=section.refactorings)


class RemoteExecutor(ClosingRunner):
    """``Executor`` behind an address. ``limits`` apply to items without limits."""

    def __init__(self, target: Address, limits: ResourceLimits) -> None:
        """Raises ``ServiceError`` if the server cannot be reached."""
        from prlcoder.executor.serving.blocking import BlockingExecutor

        self._client = BlockingExecutor(target, fresh=True)  # a cached result has the measurements of another run
        self._limits = limits
        self.profile = self._client.capabilities().profile

    def close(self) -> None:
        """Close the connection. The server abandons the runs that have not finished."""
        self._client.close()

    def run(self, items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
        """Results in input order."""
        drawn: deque[bool] = deque()  # for each item that is drawn and not answered: whether it went to the server

        def sent() -> Iterator[ExecutionRequest]:
            for item in items:
                drawn.append(_is_text(item.program))
                if drawn[-1]:
                    yield replace(item, limits=item.limits or self._limits)

        for result in self._client.run(sent()):
            note_work()
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
        """One outcome per program, in order.

        It makes one call per program: a call takes about a millisecond, and a batch would have a limit.
        """
        return [self._client.segment([program], mode)[0] for program in programs]


class RemoteRuleTeacher:
    """``RuleTeacher`` behind an address. The variants of all segments of a program come from one call."""

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
