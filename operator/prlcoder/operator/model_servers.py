"""The servers beside the trainer of reinforcement learning: which ones a run has, and their containers. Pure.

The reward model's server scores the steps of rollouts, and the policy's server samples them with vLLM. They are
sidecars of the trainer's pod (``sidecars.py``) or, with ``servers: separate``, pods of their own
(``separate_servers.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.operator.api_objects import NewObject
from prlcoder.operator.constants import POLICY_PORT, PRM_PORT, STORAGE_FOLDER
from prlcoder.operator.pods import RESTRICTED_CONTAINER
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.stage_options import ServerOptions, StageOptions
from prlcoder.spec import STAGES, TrainingRun
from prlcoder.spec.servers import RlServerName, needed_servers

STAGE: Final = "policy"  # the only stage that has servers
PORTS: Final = {"prm": PRM_PORT, "policy": POLICY_PORT}
START_S: Final = 900  # that a model may take to load
DRAIN_GRACE_S: Final = 10  # so long a server that is to end finishes what it has accepted
NO_FOLDER: Final = (
    "policy.rl.engine.kind: the weights are in an object store ({}), and the policy server reads folders and hub ids; "
    "keep the run in the chart's claim, or set this to transformers"
)


@dataclass(frozen=True)
class ModelServer:
    """A server: the folder or hub id of its first model, and its own arguments."""

    name: RlServerName
    model: str
    arguments: tuple[str, ...] = ()

    @property
    def port(self) -> int:
        """Where it listens."""
        return PORTS[self.name]


def model_servers(run: TrainingRun) -> tuple[ModelServer, ...]:
    """The servers of a run, in the order in which they start.

    A reward model in an object store stays in the trainer's process, which fetches it. ``InputError`` for a policy
    that its server cannot read.
    """
    servers = []
    remote = _in_object_store(_storage(run))
    for name in needed_servers(run.spec):
        model = stage_folder(run, "reward") if name == "prm" else _starting_policy(run)
        unreadable = _in_object_store(model) or (remote and (name == "prm" or run.spec.servers == "separate"))
        if unreadable and name == "policy":
            raise InputError(NO_FOLDER.format(model if _in_object_store(model) else _storage(run)))
        if not unreadable:
            servers.append(ModelServer(name, model, tuple(_arguments(run, name))))
    return tuple(servers)


def stage_folder(run: TrainingRun, stage: str) -> str:
    """The folder of a stage's result, or its URI. The operator needs no driver of an object store."""
    own = f"{_storage(run)}/{run.metadata.name}/{STAGES[stage].folder}"
    return (run.given(stage) or own).removeprefix("file://")


def _starting_policy(run: TrainingRun) -> str:
    """Folder or hub id of the model that the stage ``policy`` starts from."""
    spec = run.spec
    assert spec.policy is not None
    match spec.policy.init:
        case "sft":
            return stage_folder(run, "sft")
        case "base":
            return stage_folder(run, "pretrain") if spec.model.location is None else spec.model.location
        case other:
            return other.removeprefix("file://")


def _storage(run: TrainingRun) -> str:
    return run.spec.storage.uri or STORAGE_FOLDER


def _in_object_store(place: str) -> bool:
    return "://" in place.removeprefix("file://")


def _arguments(run: TrainingRun, name: RlServerName) -> Iterator[str]:
    if name == "policy":
        yield "--engine=vllm"
        yield f"--template={run.spec.model.prompt_template}"
        if run.spec.model.peft is not None:
            yield f"--max-adapter-rank={run.spec.model.peft.rank}"


def server_container(
    server: ModelServer,
    options: StageOptions,
    settings: OperatorSettings,
    mounts: Sequence[NewObject],
    *,
    security: Sequence[str],
) -> NewObject:
    """The container of a server. ``security`` are its arguments that say who may reach it."""
    own = options.servers.get(server.name, ServerOptions())
    image = settings.policy_image if server.name == "policy" else ""
    return {
        "name": server.name,
        "image": image or settings.image,
        "command": ["prlcoder", "serve", server.name],
        "args": [
            f"--model={server.model}",
            f"--port={server.port}",
            f"--ready-file={_ready_file(server)}",
            f"--drain-grace={DRAIN_GRACE_S}",
            *security,
            *server.arguments,
            *own.args,
        ],
        "env": _environment(options, own),
        "resources": own.resources or {},
        "startupProbe": {
            "exec": {"command": ["test", "-s", _ready_file(server)]},
            "periodSeconds": 2,
            "failureThreshold": START_S // 2,
        },
        "securityContext": dict(RESTRICTED_CONTAINER),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": list(mounts),
    }


def _ready_file(server: ModelServer) -> str:
    return f"/tmp/{server.name}-ready.json"


def _environment(options: StageOptions, own: ServerOptions) -> list[Any]:
    """The stage's own variables, such as a token of the hub, and in their place those of the server."""
    variables = {"HOME": {"name": "HOME", "value": "/tmp"}}
    return list((variables | {one["name"]: one for one in (*options.env, *own.env)}).values())


def add_addresses(container: NewObject, addresses: dict[RlServerName, str]) -> None:
    """Give the trainer's container the addresses of its servers, in the place of those of the chart's services."""
    own = {f"PRLCODER_{name.upper()}": address for name, address in addresses.items()}
    kept = [one for one in container["env"] if one["name"] not in own]
    container["env"] = [*kept, *({"name": name, "value": address} for name, address in own.items())]
