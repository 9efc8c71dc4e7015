"""``prlcoder serve``: serve one service, or all five on this machine.

A service's module has ``create(arguments, limits, registry)``, which makes the service from the options below.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prlcoder.cli import serve_options as options

if TYPE_CHECKING:
    from prlcoder.rpc.server import Server

AddOptions = Callable[[argparse.ArgumentParser], None]


@dataclass(frozen=True)
class ServedKind:
    """A service that can be served: its module, what it does, and its own options."""

    module: str
    summary: str
    add_options: tuple[AddOptions, ...]


def _prm_model(parser: argparse.ArgumentParser) -> None:
    options.add_model_options(parser, "the process reward model")


def _policy_model(parser: argparse.ArgumentParser) -> None:
    options.add_model_options(parser, "the policy")


KINDS: Final = {
    "segmenter": ServedKind(
        "prlcoder.segmenter.serving.service",
        "divides programs into segments",
        (options.add_compute_options,),
    ),
    "mutator": ServedKind(
        "prlcoder.mutator.serving.service",
        "proposes variants of segments by rules",
        (options.add_compute_options,),
    ),
    "executor": ServedKind(
        "prlcoder.executor.serving.service",
        "executes programs in the sandbox",
        (options.add_executor_options,),
    ),
    "prm": ServedKind(
        "prlcoder.prm.serving.service",
        "scores steps",
        (_prm_model, options.add_template_option, options.add_prm_options),
    ),
    "policy": ServedKind(
        "prlcoder.policy.serving.service",
        "samples programs",
        (_policy_model, options.add_template_option, options.add_engine_option, options.add_policy_options),
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one sub-command per service, and ``all``."""
    services = parser.add_subparsers(dest="service", metavar="SERVICE", required=True)
    for name, kind in KINDS.items():
        served = services.add_parser(name, help=kind.summary, description=f"Serve the {name}: {kind.summary}.")
        for add in (options.add_port_options, *kind.add_options, options.add_server_options):
            add(served)
    every = services.add_parser(
        "all", help="serves all five, each in a process of its own", description="Serve all five services."
    )
    options.add_model_options(every, "the process reward model", "prm-")
    options.add_model_options(every, "the policy", "policy-")
    for add in (options.add_template_option, options.add_engine_option, options.add_server_options):
        add(every)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    if arguments.service == "all":
        from prlcoder.cli.serve_all import serve_all

        return serve_all(arguments)
    return asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> int:
    from prlcoder.cli.serve_all import write_ready
    from prlcoder.rpc.server import Server, serve
    from prlcoder.telemetry.logs import log_json
    from prlcoder.telemetry.metrics import new_registry

    if arguments.ready_file is not None:
        arguments.ready_file.unlink(missing_ok=True)  # of a server that was killed
    log_json(arguments.log_level.upper())
    settings, registry = options.server_settings(arguments), new_registry()
    service = importlib.import_module(KINDS[arguments.service].module).create(arguments, settings.limits, registry)
    if getattr(arguments, "http", None) is not None:
        service.serve_http(arguments.http, settings)
    server = Server(service, settings, registry)

    def ready(server: Server) -> None:
        addresses = {"grpc": f"{settings.host}:{server.port}", "metrics": f"{settings.host}:{server.metrics_port}"}
        if getattr(arguments, "http", None) is not None:
            addresses["http"] = f"{settings.host}:{service.http.port}"
        print(f"{arguments.service}: {', '.join(f'{name} on {at}' for name, at in addresses.items())}", flush=True)
        if arguments.ready_file is not None:
            write_ready(arguments.ready_file, {arguments.service: addresses})

    await serve(server, ready)
    return 0
