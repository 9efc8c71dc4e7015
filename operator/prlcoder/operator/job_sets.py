"""The JobSet of a training stage with several pods, which train together under ``torchrun``. Pure.

JobSet gives the pods names that resolve, restarts all of them when one dies, and makes one Kueue workload of them. A
disruption restarts the group without being counted, a configuration error fails it, and everything else is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from prlcoder.operator.api_objects import NewObject
from prlcoder.operator.constants import CONTAINER, FATAL_EXIT_CODES, GPU_RESOURCES
from prlcoder.operator.jobs import add_priority, backoff_limit, child_metadata, job_name
from prlcoder.operator.observed import ObservedRun
from prlcoder.operator.pods import MANIFEST, labels, pod_template
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.stage_options import StageOptions

API_VERSION: Final = "jobset.x-k8s.io/v1alpha2"
GROUP: Final = "nodes"  # the only replicated Job of the set
RENDEZVOUS_PORT: Final = 29500
INDEX_PATH: Final = "metadata.annotations['batch.kubernetes.io/job-completion-index']"


def stage_job_set(run: ObservedRun, stage: str, settings: OperatorSettings) -> NewObject:
    """The JobSet of a stage with several nodes: one Indexed Job with a pod per node."""
    options, name = StageOptions.read(run.spec, stage), job_name(run.name, stage)
    variables = rendezvous(f"{name}-{GROUP}-0-0.{name}", options)
    template = pod_template(run, stage, settings, ranks_command(stage), variables)
    add_priority(run, template)
    job = {"metadata": {"labels": labels(run.name, stage)}, "spec": group_spec(options.nodes, template)}
    return {
        "apiVersion": API_VERSION,
        "kind": "JobSet",
        "metadata": child_metadata(run, stage),
        "spec": {
            "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
            "failurePolicy": failure_policy(run),
            "replicatedJobs": [{"name": GROUP, "replicas": 1, "template": job}],
        },
    }


def ranks_command(stage: str) -> list[str]:
    """The command of each pod: ``torchrun``, which starts the ranks of this node."""
    return ["python", "-m", "prlcoder.runs.launch_ranks", "run", MANIFEST, "--stage", stage]


def group_spec(nodes: int, template: NewObject) -> NewObject:
    """The spec of a Job that fails with its first pod: the others wait for a rank that is gone, so all start again."""
    return {
        "completionMode": "Indexed",
        "completions": nodes,
        "parallelism": nodes,
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": list(FATAL_EXIT_CODES)},
                },
                {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
        "template": template,
    }


def failure_policy(run: ObservedRun) -> NewObject:
    """When the set restarts, and how often it may."""
    return {"maxRestarts": backoff_limit(run), "rules": list(_rules())}


def _rules() -> Sequence[Mapping[str, Any]]:
    """Both rules of the Job give the same reason; its message tells a disruption from an exit code."""
    return (
        {
            "name": "disruption",
            "action": "RestartJobSetAndIgnoreMaxRestarts",
            "onJobFailureReasons": ["PodFailurePolicy"],
            "onJobFailureMessagePatterns": [".*condition DisruptionTarget.*"],
        },
        {"name": "configuration", "action": "FailJobSet", "onJobFailureReasons": ["PodFailurePolicy"]},
    )


def rendezvous(first: str, options: StageOptions) -> list[Mapping[str, Any]]:
    """What ``torchrun`` reads: how many nodes and processes, which node this is, and the name of the ``first`` one."""
    fixed = {
        "PET_NNODES": str(options.nodes),
        "PET_NPROC_PER_NODE": str(_gpus(options) or 1),
        "PET_MASTER_ADDR": first,
        "PET_MASTER_PORT": str(RENDEZVOUS_PORT),
    }
    node = {"name": "PET_NODE_RANK", "valueFrom": {"fieldRef": {"fieldPath": INDEX_PATH}}}
    return [*({"name": key, "value": value} for key, value in fixed.items()), node]


def _gpus(options: StageOptions) -> int:
    """The GPUs of one pod, by its limits."""
    limits = (options.resources or {}).get("limits") or {}
    return sum(int(limits.get(name, 0)) for name in GPU_RESOURCES)
