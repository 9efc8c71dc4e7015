"""kopf's part: it watches, and every change puts the key of a run into the queue. It decides nothing."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import kopf

from prlcoder.operator.constants import GROUP, MANAGED_BY, MANAGED_BY_LABEL, PLURAL, RUN_LABEL, VERSION
from prlcoder.operator.kube import ApiError, Kube
from prlcoder.operator.metrics import OperatorMetrics
from prlcoder.operator.observer import RunObserver
from prlcoder.operator.pod_report_reader import PodReportReader
from prlcoder.operator.reconcile import reconcile
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.status import ended_at
from prlcoder.operator.work_queue import Key, WorkQueue

MAX_IDLE_S: Final = 600.0  # a key that waits for longer means that the workers no longer work
_log = logging.getLogger(__name__)


class Controller:
    """The queue, its workers, and the resync that heals whatever a watch has missed."""

    def __init__(self, kube: Kube, settings: OperatorSettings, metrics: OperatorMetrics) -> None:
        self.queue, self._kube, self._settings = WorkQueue(metrics), kube, settings
        self._metrics, self._observer = metrics, RunObserver(metrics, datetime.now(UTC))
        metrics.unfinished.set_function(lambda: self.queue.oldest_s)
        self._reader = PodReportReader(settings.progress_port)
        self._tasks: list[asyncio.Task[None]] = []
        self._last_work = time.monotonic()
        self._seen: set[Key] = set()  # the runs that this process has looked at
        self._ended: dict[Key, str] = {}  # resource versions of ended runs at the last resync

    def start(self) -> None:
        """Start the workers and the resync."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._settings.workers)]
        self._tasks.append(asyncio.create_task(self._resync()))

    async def stop(self) -> None:
        """End them; a look that is under way is cut short, which loses nothing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._reader.close()
        await self._kube.__aexit__()

    def alive(self) -> bool:
        """Whether work is being done: the probe asks this, since a web server that answers proves nothing."""
        waiting = len(self.queue) > 0 and time.monotonic() - self._last_work > MAX_IDLE_S
        return not waiting and not any(task.done() for task in self._tasks)

    async def _work(self) -> None:
        while True:
            key = await self.queue.take()
            try:
                await self._look(key)
            finally:
                self._last_work = time.monotonic()
                await self.queue.done(key)

    async def _look(self, key: Key) -> None:
        started = time.monotonic()
        try:
            first = key not in self._seen
            again = await reconcile(self._kube, self._reader, *key, self._settings, self._observer, first=first)
            self._seen.add(key)
        except Exception as error:
            passing = isinstance(error, ApiError) and error.passing
            self._metrics.looked("conflict" if passing else "error", time.monotonic() - started)
            pause = await self.queue.retry(key)
            level = logging.WARNING if passing else logging.ERROR
            trace = None if isinstance(error, ApiError) else error
            _log.log(level, "%s/%s: %s; again in %.0f s", *key, error, pause, exc_info=trace)
            return
        self._metrics.looked("done", time.monotonic() - started)
        self.queue.forget(key)
        if again is not None:
            await self.queue.add_after(key, again)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_s * random.uniform(0.9, 1.1))
            try:
                runs = await self._kube.runs(self._settings.namespace)
            except Exception as error:
                _log.warning("the resync failed: %s", error)
                continue
            due, self._ended = due_runs(runs, self._ended)
            for key in due:
                await self.queue.add(key)


def due_runs(runs: Sequence[Mapping[str, Any]], ended: Mapping[Key, str]) -> tuple[list[Key], dict[Key, str]]:
    """The runs that a resync looks at, and the resource versions of those that have ended.

    A run that has ended and is as it was at the last resync (``ended``) is left alone: a look at it would change
    nothing, and the time of its deletion is in the queue.
    """
    due: list[Key] = []
    versions: dict[Key, str] = {}
    for run in runs:
        metadata = run["metadata"]
        key = metadata["namespace"], metadata["name"]
        if ended_at(run.get("status") or {}):
            versions[key] = metadata["resourceVersion"]
        if key not in versions or ended.get(key) != versions[key]:
            due.append(key)
    return due, versions


def registry(settings: OperatorSettings, metrics: OperatorMetrics) -> kopf.OperatorRegistry:
    """kopf's handlers. An own registry keeps two operators in one process apart."""
    handlers = kopf.OperatorRegistry()
    state: dict[str, Controller] = {}

    @kopf.on.login(registry=handlers)
    def login(**given: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**given) or kopf.login_with_kubeconfig(**given)

    @kopf.on.startup(registry=handlers)
    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
        configure(settings)
        state["controller"] = Controller(await Kube.connect(metrics.called), own, metrics)
        state["controller"].start()

    @kopf.on.cleanup(registry=handlers)
    async def stop(**_: Any) -> None:
        if controller := state.get("controller"):
            await controller.stop()

    @kopf.on.probe(registry=handlers, id="work")
    async def probe(**_: Any) -> int:
        if not state["controller"].alive():
            raise RuntimeError("no run has been looked at for ten minutes although some wait")
        return len(state["controller"].queue)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=handlers)
    async def run_changed(namespace: str | None, name: str | None, **_: Any) -> None:
        await state["controller"].queue.add((namespace or "", name or ""))

    async def child_changed(namespace: str | None, labels: Mapping[str, str], **_: Any) -> None:
        if run := labels.get(RUN_LABEL):
            await state["controller"].queue.add((namespace or "", run))

    ours = {MANAGED_BY_LABEL: MANAGED_BY}
    kopf.on.event("batch", "v1", "jobs", registry=handlers, labels=ours, id="job")(child_changed)
    kopf.on.event("jobset.x-k8s.io", "v1alpha2", "jobsets", registry=handlers, labels=ours, id="jobset")(child_changed)
    kopf.on.event("", "v1", "pods", registry=handlers, labels=ours, id="pod")(child_changed)
    own = settings
    return handlers


def configure(settings: kopf.OperatorSettings) -> None:
    """kopf without its own state: no finalizer, no annotations, no Events, bounded calls."""
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    selector = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
    for resource in ("jobs.v1.batch", "jobsets.v1alpha2.jobset.x-k8s.io", "pods.v1"):
        settings.watching.label_selectors[resource] = selector
