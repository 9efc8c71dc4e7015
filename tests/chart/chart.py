"""The chart, rendered by Helm."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

CHART: Final = Path(__file__).resolve().parents[2] / "charts" / "prlcoder"
CASES: Final = sorted((CHART / "ci").glob("*-values.yaml"))
API_VERSIONS: Final = ("monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1")
SERVICES: Final = ("segmenter", "mutator", "executor", "prm", "policy")

Manifest = dict[str, Any]


class StrictLoader(yaml.SafeLoader):
    """YAML in which a repeated key is an error, as it is for a strict API server."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(map(str, keys))), f"a repeated key in line {node.start_mark.line + 1}: {keys}"
        return super().construct_mapping(node, deep)


# YAML 1.2 reads 2e-05 as a number, and so do Helm and the API server; PyYAML reads YAML 1.1.
StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?[0-9]+(\.[0-9]*)?e[-+]?[0-9]+$"), list("-0123456789")
)


@dataclass(frozen=True)
class Helm:
    """The program ``helm``, with folders of its own for what it keeps."""

    path: Path
    home: Path

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Helm; with ``check``, it must succeed."""
        environment = {**os.environ, "HOME": str(self.home)}
        for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "KUBECONFIG"):
            environment.pop(name, None)
        command = [str(self.path), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    def render(self, *options: str, name: str = "prlcoder") -> list[Manifest]:
        """The objects that a release would install, its tests included."""
        served = [f"--api-versions={version}" for version in API_VERSIONS]
        text = self("template", name, str(CHART), "--namespace=prlcoder", *served, *options).stdout
        return [document for document in yaml.load_all(text, StrictLoader) if document]

    def refusal(self, *settings: str) -> str:
        """Why Helm does not render the chart with these values."""
        done = self("template", "prlcoder", str(CHART), *(f"--set={setting}" for setting in settings), check=False)
        assert done.returncode != 0
        return done.stderr


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The objects of a kind by name."""
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def environment_of(container: Manifest) -> dict[str, str]:
    """The environment variables of a container that have a plain value."""
    return {one["name"]: one["value"] for one in container["env"] if "value" in one}
