"""The connection of the commands for clusters: the user's kubeconfig, and the API server's refusals as messages.

The package ``kubernetes`` is imported only when a connection is made.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prlcoder.errors import InputError, PrlcoderError, WorkError, first_line

GROUP: Final = "prlcoder.dev"
VERSION: Final = "v1alpha1"
PLURAL: Final = "trainingruns"
RUN_LABEL: Final = "prlcoder.dev/run"
STAGE_LABEL: Final = "prlcoder.dev/stage"
TIMEOUT_S: Final = 30.0
NO_TYPE: Final = (
    "the cluster does not know TrainingRuns; install PRLCoder's operator there, or at least "
    "`kubectl apply --server-side -f charts/prlcoder/files/trainingruns.yaml`"
)


def add_cluster_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--context`` and ``--namespace``."""
    parser.add_argument("--context", metavar="NAME", help="context of the kubeconfig (default: the current one)")
    parser.add_argument("--namespace", "-n", metavar="NAME", help="namespace (default: the context's, or `default`)")


@dataclass(frozen=True)
class ClusterConnection:
    """A cluster as the user reaches it. ``where`` names it in messages."""

    api: Any
    namespace: str
    where: str

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> ClusterConnection:
        """The connection that the arguments and the kubeconfig name.

        Inside a pod without a kubeconfig, the pod's service account is used. Raises ``InputError`` if neither exists,
        ``WorkError`` where the package ``kubernetes`` is missing.
        """
        try:
            from kubernetes import client, config
        except ImportError as error:
            remedy = "install it: pip install 'prlcoder[cluster]'"
            raise WorkError(f"clusters need the package kubernetes, which is missing ({error}); {remedy}") from None
        _quiet_urllib3()
        files = [path for path in os.environ.get("KUBECONFIG", "~/.kube/config").split(os.pathsep) if path]
        if arguments.context is None and not any(Path(path).expanduser().exists() for path in files):
            with suppress(config.ConfigException):
                config.load_incluster_config()
                return cls(client.ApiClient(), arguments.namespace or _pod_namespace(), "the pod's own cluster")
            remedy = "set KUBECONFIG to the file that your cluster's administrator or provider gave you"
            raise InputError(f"{os.pathsep.join(files)}: there is no kubeconfig; {remedy}")
        context = _context(config, files, arguments.context)
        try:
            api = config.new_client_from_config(context=context["name"])
        except config.ConfigException as error:
            raise InputError(f"{os.pathsep.join(files)}: context {context['name']}: {first_line(error)}") from None
        namespace = arguments.namespace or context["context"].get("namespace") or "default"
        return cls(api, namespace, f"context {context['name']}")

    def runs(self, name: str = "", *, all_namespaces: bool = False) -> str:
        """The path of the namespace's runs, of all namespaces' runs, or of one run."""
        scope = "" if all_namespaces else f"/namespaces/{self.namespace}"
        return f"/apis/{GROUP}/{VERSION}{scope}/{PLURAL}" + (f"/{name}" if name else "")

    def run(self, name: str) -> dict[str, Any]:
        """The run with this name. Raises ``InputError`` if it does not exist."""
        found = self.request("GET", self.runs(name))
        if found is None:
            remedy = "`prlcoder ls` lists the runs, `--namespace` chooses another namespace"
            raise InputError(f"{name}: namespace {self.namespace} has no such run; {remedy}")
        return found

    def pods(self, run: str, stage: str | None = None) -> list[dict[str, Any]]:
        """The pods of a run, or of one stage of it, oldest first."""
        selector = f"{RUN_LABEL}={run}" + (f",{STAGE_LABEL}={stage}" if stage else "")
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        found = self.request("GET", path, query=[("labelSelector", selector)]) or {"items": []}
        return sorted(found["items"], key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))

    def request(
        self, method: str, path: str, *, query: list[tuple[str, str]] | None = None, body: Any = None
    ) -> dict[str, Any] | None:
        """One call; None if the object does not exist. Every other refusal is a ``PrlcoderError``."""
        with self._answer(method, path, query or [], body, TIMEOUT_S) as (response, problem):
            if problem is not None:
                raise problem
            found: dict[str, Any] | None = None if response is None else json.loads(response.read())
        return found

    def lines(self, path: str, query: list[tuple[str, str]]) -> Iterator[bytes]:
        """The answer as it arrives, in pieces. It may never end."""
        with self._answer("GET", path, query, None, (TIMEOUT_S, None)) as (response, problem):
            if problem is not None:
                raise problem
            if response is not None:
                yield from response.stream(65536, decode_content=False)

    @contextmanager
    def _answer(
        self, method: str, path: str, query: list[tuple[str, str]], body: Any, timeout: Any
    ) -> Iterator[tuple[Any, PrlcoderError | None]]:
        """The raw answer, or None if the object does not exist, and what else the server has refused."""
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json, */*", "Content-Type": "application/json"}
        parameters = self.api.param_serialize(
            method, path, query_params=query, header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            response = self.api.call_api(*parameters, _request_timeout=timeout).response
            if 200 <= response.status < 300:
                yield response, None
            else:
                yield None, self._refusal(response.status, response.read())
        except (ApiException, HTTPError, OSError) as error:  # ApiException: a certificate that is not trusted
            reason = getattr(error, "reason", None) or error
            host = self.api.configuration.host
            raise WorkError(
                f"{self.where}: the cluster at {host} cannot be reached ({first_line(reason)}); check your network, or "
                "choose another --context"
            ) from None

    def _refusal(self, code: int, body: bytes | str) -> PrlcoderError | None:
        """What the API server's refusal means for the user; None for an object that does not exist."""
        status = _status(body)
        message = str(status.get("message") or code)
        if code == 404:
            # For a type that it does not know the server gives no details about an object.
            details = status.get("details") or {}
            if details.get("kind") == "namespaces":
                return InputError(f"--namespace {self.namespace}: {self.where} has no such namespace; create it first")
            return None if details.get("name") else WorkError(f"{self.where}: {NO_TYPE}")
        if code == 401:
            return WorkError(f"{self.where}: the cluster refuses your credentials; log in again")
        if code == 403:
            return WorkError(f"{self.where}: {message}; ask the cluster's administrator for this right")
        if code == 409 and status.get("reason") == "AlreadyExists":
            name = (status.get("details") or {}).get("name", "")
            remedy = f"choose another metadata.name, or end that run first: `prlcoder cancel {name}`"
            return InputError(f"{name}: namespace {self.namespace} has a run of that name; {remedy}")
        if code in (400, 422):
            return InputError(f"{self.where}: {message}")
        return WorkError(f"{self.where}: the API server answered {code}: {message}")


def _context(config: Any, files: list[str], wanted: str | None) -> dict[str, Any]:
    """The context of that name, or the current one; ``InputError`` with the known names if there is none."""
    where = os.pathsep.join(files)
    try:
        contexts, current = config.list_kube_config_contexts()
    except config.ConfigException as error:
        raise InputError(f"{where}: is no usable kubeconfig ({first_line(error)})") from None
    found = current if wanted is None else next((one for one in contexts if one["name"] == wanted), None)
    if found is None:
        names = ", ".join(sorted(one["name"] for one in contexts))
        raise InputError(f"--context {wanted}: {where} has no such context; its contexts are: {names}")
    context: dict[str, Any] = found
    return context


def _quiet_urllib3() -> None:
    """Leave out its notes on retries, and its warning where the kubeconfig itself turns the check of the server off."""
    import urllib3

    logging.getLogger("urllib3").setLevel(logging.ERROR)
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


def _pod_namespace() -> str:
    path = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return path.read_text(encoding="utf-8").strip() if path.exists() else "default"


def _status(body: bytes | str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
