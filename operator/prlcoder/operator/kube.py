"""The operator's only way to the API server: plain JSON documents over the official asynchronous client."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Final

from kubernetes.aio import client, config

from prlcoder.errors import InputError
from prlcoder.operator.api_objects import NewObject
from prlcoder.operator.constants import GROUP, MANAGED_BY, MANAGED_BY_LABEL, PLURAL, RUN_LABEL, VERSION

TIMEOUT_S: Final = 30.0
JSON: Final = "application/json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
MERGE_PATCH: Final = "application/merge-patch+json"


class ApiError(Exception):
    """The API server's refusal. ``code`` is the HTTP status, ``reason`` Kubernetes' word for it."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason = code, reason

    @property
    def passing(self) -> bool:
        """Whether the same call may succeed later: conflicts, throttling, and trouble of the server itself."""
        return self.code in (409, 429) or self.code >= 500


CallObserver = Callable[[str, str, float], None]
"""Told of each call: its method, its HTTP status (``none`` without an answer), and how many seconds it took."""


class Kube:
    """Reads and writes what a reconcile needs. Usable as an asynchronous context manager."""

    def __init__(self, api: client.ApiClient, observer: CallObserver | None = None) -> None:
        self._api, self._observer = api, observer

    @classmethod
    async def connect(cls, observer: CallObserver | None = None) -> Kube:
        """The cluster of the pod's service account, or of the user's kubeconfig outside a cluster.

        ``InputError`` if there is neither.
        """
        try:
            await config.load_config()
        except config.ConfigException as error:
            raise InputError(
                f"there is no cluster to work for: this is no pod with a service account, and no kubeconfig was "
                f"found ({error}); set KUBECONFIG"
            ) from error
        return cls(client.ApiClient(), observer)

    async def __aenter__(self) -> Kube:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._api.close()

    async def run(self, namespace: str, name: str) -> NewObject | None:
        """A TrainingRun, or None if it is gone."""
        try:
            return await self.request("GET", run_path(namespace, name))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def runs(self, namespace: str | None) -> list[NewObject]:
        """Every TrainingRun of a namespace, or of the cluster."""
        scope = f"/namespaces/{namespace}" if namespace else ""
        return list((await self.request("GET", f"/apis/{GROUP}/{VERSION}{scope}/{PLURAL}"))["items"])

    async def jobs(self, namespace: str, run: str) -> list[NewObject]:
        """The Jobs that carry the run's label."""
        return await self._labelled(f"/apis/batch/v1/namespaces/{namespace}/jobs", run)

    async def job_sets(self, namespace: str, run: str) -> list[NewObject]:
        """The JobSets that carry the run's label."""
        found = await self._labelled(job_sets_path(namespace), run)
        return [{"kind": "JobSet", **one} for one in found]  # the items of a list do not tell their kind

    async def object_at(self, path: str) -> NewObject | None:
        """The object at that path, whoever made it, or None."""
        try:
            return await self.request("GET", path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def pods(self, namespace: str, run: str) -> list[NewObject]:
        """The pods that carry the run's label."""
        return await self._labelled(f"/api/v1/namespaces/{namespace}/pods", run)

    async def warnings(self, namespace: str, objects: set[str]) -> list[tuple[str, str]]:
        """Reason and message of the warning Events about these objects, newest first."""
        query = {"fieldSelector": "type=Warning"}
        events = (await self.request("GET", f"/api/v1/namespaces/{namespace}/events", query=query))["items"]
        found = [event for event in events if event["involvedObject"].get("name") in objects]
        found.sort(key=lambda event: event.get("lastTimestamp") or event["metadata"]["creationTimestamp"], reverse=True)
        return [(event.get("reason", ""), event.get("message", "")) for event in found]

    async def config_map(self, namespace: str, name: str) -> NewObject | None:
        """A ConfigMap, or None if there is none."""
        try:
            return await self.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def serves_job_set(self) -> bool:
        """Whether the cluster knows JobSets."""
        groups = (await self.request("GET", "/apis"))["groups"]
        return any(group["name"] == "jobset.x-k8s.io" for group in groups)

    async def create(self, path: str, document: NewObject) -> bool:
        """Create an object; False if one of that name exists."""
        try:
            await self.request("POST", path, body=document)
        except ApiError as error:
            if error.code == 409 and error.reason == "AlreadyExists":
                return False
            raise
        return True

    async def patch(self, path: str, document: NewObject) -> None:
        """Change fields of an object. A UID in ``document`` makes the call fail if the object is another one now."""
        await self.request("PATCH", path, body=document, content_type=MERGE_PATCH)

    async def apply(self, path: str, document: NewObject) -> None:
        """Create the object at ``path`` or change the fields that an earlier call has set (server-side apply)."""
        query = {"fieldManager": MANAGED_BY, "force": "true"}
        await self.request("PATCH", path, query=query, body=document, content_type=APPLY_PATCH)

    async def delete(self, path: str, uid: str) -> None:
        """Delete the object with this UID, in the background; that it is gone is success."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self.request("DELETE", path, body=body)
        except ApiError as error:
            if error.code != 404:
                raise

    async def _labelled(self, path: str, run: str) -> list[NewObject]:
        selector = f"{MANAGED_BY_LABEL}={MANAGED_BY},{RUN_LABEL}={run}"
        return list((await self.request("GET", path, query={"labelSelector": selector}))["items"])

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: NewObject | None = None,
        content_type: str = JSON,
    ) -> NewObject:
        """One call. ``ApiError`` for what the server refuses; errors of the connection as aiohttp raises them."""
        started, code = time.monotonic(), "none"
        try:
            answer = await self._request(method, path, query, body, content_type)
            code = "2xx"
        except ApiError as error:
            code = str(error.code)
            raise
        finally:
            if self._observer is not None:
                self._observer(method, code, time.monotonic() - started)
        return answer

    async def _request(
        self, method: str, path: str, query: Mapping[str, str] | None, body: NewObject | None, content_type: str
    ) -> NewObject:
        headers = {"Accept": JSON, "Content-Type": content_type}
        parameters = await self._api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = await self._api.call_api(*parameters, _request_timeout=TIMEOUT_S)
        except client.ApiException as error:
            raise _refused(int(error.status or 0), error.body or "") from None
        text = (await response.read()).decode("utf-8")
        if not 200 <= response.status < 300:
            raise _refused(response.status, text)
        answer: NewObject = json.loads(text)
        return answer


def _refused(code: int, text: str) -> ApiError:
    try:
        status = json.loads(text)
    except ValueError:
        return ApiError(code, "", text)
    return ApiError(code, status.get("reason", ""), status.get("message", text))


def jobs_path(namespace: str) -> str:
    """Where the Jobs of a namespace are in the API."""
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


def job_sets_path(namespace: str) -> str:
    """Where the JobSets of a namespace are in the API."""
    return f"/apis/jobset.x-k8s.io/v1alpha2/namespaces/{namespace}/jobsets"


def deployments_path(namespace: str) -> str:
    """Where the Deployments of a namespace are in the API."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def services_path(namespace: str) -> str:
    """Where the Services of a namespace are in the API."""
    return f"/api/v1/namespaces/{namespace}/services"


def run_path(namespace: str, name: str) -> str:
    """Where a TrainingRun is in the API."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}/{name}"
