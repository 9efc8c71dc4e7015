"""Reads the progress of running stages from their pods, each at most every 30 s.

The operator asks and the pod answers. The address comes from the API server, so that a pod can report about itself
only, and the pod needs neither a credential nor a right. A pod that cannot be reached costs nothing but its progress.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Iterable
from typing import Final

import aiohttp

from prlcoder.operator.constants import PROGRESS_PERIOD_S
from prlcoder.operator.observed import ObservedPod
from prlcoder.operator.pod_reports import PodReport

TIMEOUT_S: Final = 2.0
MAX_BYTES: Final = 65536
FORGET_S: Final = 3600.0  # reports of pods that nobody has asked about for an hour


class PodReportReader:
    """The newest report of each pod, by the pod's UID. It is a cache: a new operator reads the reports anew."""

    def __init__(self, port: int, period_s: float = PROGRESS_PERIOD_S) -> None:
        self._port, self._period_s = port, period_s
        self._session: aiohttp.ClientSession | None = None
        self._known: dict[str, tuple[float, PodReport | None]] = {}

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def reports(self, pods: Iterable[ObservedPod]) -> dict[str, PodReport]:
        """The reports of those of the pods that run and have answered, by UID."""
        running = [pod for pod in pods if pod.phase == "Running" and pod.address and not pod.deleting]
        found = await asyncio.gather(*(self._report(pod) for pod in running))
        return {pod.uid: report for pod, report in zip(running, found, strict=True) if report is not None}

    async def _report(self, pod: ObservedPod) -> PodReport | None:
        now = time.monotonic()
        if (known := self._known.get(pod.uid)) is not None and now - known[0] < self._period_s:
            return known[1]
        self._known = {uid: one for uid, one in self._known.items() if now - one[0] < FORGET_S}
        report = await self._ask(pod)
        self._known[pod.uid] = now, report
        return report

    async def _ask(self, pod: ObservedPod) -> PodReport | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        host = f"[{pod.address}]" if ipaddress.ip_address(pod.address).version == 6 else pod.address
        try:
            async with self._session.get(f"http://{host}:{self._port}/progress", allow_redirects=False) as answer:
                if answer.status != 200:
                    return None
                return PodReport.read((await answer.content.read(MAX_BYTES)).decode("utf-8", "replace"))
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None
