"""The options of ``prlcoder serve``: those of every server, and those of each service."""

from __future__ import annotations

import argparse
from pathlib import Path

from prlcoder.cli.sandbox_options import add_jail_option, add_package_options, add_profile_option, add_worker_option
from prlcoder.errors import InputError
from prlcoder.rpc.settings import ServerLimits, ServerSettings, ServerTls

OptionGroup = argparse._ArgumentGroup  # argparse gives this type no public name


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add the address, the security and the limits of a server."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s, for this machine only)"
    )
    parser.add_argument(
        "--ready-file", type=Path, metavar="F", help="write the addresses to this file once the services are healthy"
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="lowest level of log entries (default: info)",
    )
    _add_security_options(parser.add_argument_group("security"))
    _add_limit_options(parser.add_argument_group("limits"))


def _add_security_options(trust: OptionGroup) -> None:
    trust.add_argument("--tls-certificate", type=Path, metavar="PEM", help="serve TLS with this certificate chain")
    trust.add_argument("--tls-key", type=Path, metavar="PEM", help="private key of the certificate")
    trust.add_argument("--tls-client-ca", type=Path, metavar="PEM", help="require a client certificate of this CA")
    trust.add_argument(
        "--token-file",
        type=Path,
        metavar="F",
        help="require a bearer token from this file, which has one token per line",
    )
    trust.add_argument(
        "--insecure", action="store_true", help="allow plaintext on an address that other machines can reach"
    )


def _add_limit_options(limits: OptionGroup) -> None:
    defaults = ServerLimits()
    limits.add_argument(
        "--max-message-mib",
        type=int,
        default=defaults.message_bytes >> 20,
        metavar="N",
        help="size of a message in MiB (default: %(default)s)",
    )
    limits.add_argument(
        "--max-batch",
        type=int,
        default=defaults.batch_items,
        metavar="N",
        help="items per batch (default: %(default)s)",
    )
    limits.add_argument(
        "--max-queue",
        type=int,
        default=defaults.queue_items,
        metavar="N",
        help="items in flight (default: %(default)s)",
    )
    limits.add_argument(
        "--max-calls",
        type=int,
        default=defaults.calls,
        metavar="N",
        help="calls that are open at once (default: %(default)s)",
    )
    limits.add_argument(
        "--max-connection-age",
        type=float,
        default=defaults.connection_age_s,
        metavar="S",
        help="seconds after which a client must reconnect (default: %(default)s)",
    )
    limits.add_argument(
        "--drain-delay",
        type=float,
        default=0.0,
        metavar="S",
        help="at a stop, seconds of NOT_SERVING before calls are refused (default: 0)",
    )
    limits.add_argument(
        "--drain-grace",
        type=float,
        default=30.0,
        metavar="S",
        help="at a stop, seconds that open calls have to end (default: 30)",
    )


def add_port_options(parser: argparse.ArgumentParser) -> None:
    """Add the ports of one server; 0 means a free one."""
    parser.add_argument("--port", type=int, default=0, help="gRPC port (default: a free one)")
    parser.add_argument("--metrics-port", type=int, default=0, help="port of /metrics (default: a free one)")


def add_executor_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sandbox behind the service."""
    add_worker_option(parser)
    add_jail_option(parser)
    add_profile_option(parser)
    add_package_options(parser)
    parser.add_argument(
        "--cache",
        type=int,
        default=65_536,
        metavar="N",
        help="number of cached results (0: none; default: %(default)s)",
    )
    parser.add_argument(
        "--http", type=int, metavar="PORT", help="also serve SandboxFusion's /run_code over HTTP on this port"
    )


def add_compute_options(parser: argparse.ArgumentParser) -> None:
    """Add the worker processes of the segmenter and the mutator."""
    parser.add_argument("--workers", type=int, metavar="N", help="number of worker processes (default: one per core)")


def server_settings(arguments: argparse.Namespace) -> ServerSettings:
    """The settings that the options give; ``InputError`` for options that contradict each other."""
    for name in ("max_message_mib", "max_batch", "max_queue", "max_calls", "max_connection_age", "drain_grace"):
        if not getattr(arguments, name) > 0:
            raise InputError(
                f"--{name.replace('_', '-')}: {getattr(arguments, name)} is not positive; give a number above 0"
            )
    if arguments.max_batch > arguments.max_queue:
        raise InputError(
            "--max-batch: is above --max-queue, so such a batch would always be refused; raise --max-queue"
        )
    return ServerSettings(
        host=arguments.host,
        port=arguments.port,
        metrics_port=arguments.metrics_port,
        tls=_tls(arguments),
        insecure=arguments.insecure,
        token_file=arguments.token_file,
        limits=ServerLimits(
            message_bytes=arguments.max_message_mib << 20,
            batch_items=arguments.max_batch,
            queue_items=arguments.max_queue,
            calls=arguments.max_calls,
            connection_age_s=arguments.max_connection_age,
        ),
        drain_delay_s=arguments.drain_delay,
        drain_grace_s=arguments.drain_grace,
    )


def _tls(arguments: argparse.Namespace) -> ServerTls | None:
    certificate, key, client_ca = arguments.tls_certificate, arguments.tls_key, arguments.tls_client_ca
    if certificate is None and key is None:
        if client_ca is not None:
            raise InputError("--tls-client-ca: needs --tls-certificate and --tls-key; give all three")
        return None
    if certificate is None or key is None:
        raise InputError("--tls-certificate, --tls-key: give both or neither")
    return ServerTls(certificate, key, client_ca)


def add_model_options(parser: argparse.ArgumentParser, what: str, prefix: str = "") -> None:
    """Add the model of a service."""
    parser.add_argument(f"--{prefix}model", required=True, metavar="MODEL", help=f"{what}: a folder or hub id")


def add_template_option(parser: argparse.ArgumentParser) -> None:
    """Add the template that renders problems as prompts."""
    from prlcoder.problems.prompts import TEMPLATES

    parser.add_argument(
        "--template",
        choices=("auto", *TEMPLATES),
        default="auto",
        help="prompt template (default: the one that the model was trained with)",
    )


def add_engine_option(parser: argparse.ArgumentParser) -> None:
    """Add the engine that samples programs."""
    parser.add_argument(
        "--engine",
        choices=("auto", "vllm", "transformers"),
        default="auto",
        help="`auto` is vllm if it is installed, otherwise transformers (default: auto)",
    )


def add_prm_options(parser: argparse.ArgumentParser) -> None:
    """Add the batching and the prefix cache of the reward model."""
    parser.add_argument(
        "--batch-tokens",
        type=int,
        metavar="N",
        help="tokens per pass, padding included (default: 1024 on a CPU, 16384 on a GPU)",
    )
    parser.add_argument(
        "--batch-delay-ms",
        type=float,
        default=5.0,
        metavar="MS",
        help="longest wait for more items in a batch (default: 5)",
    )
    parser.add_argument(
        "--prefix-tokens",
        type=int,
        default=32768,
        metavar="N",
        help="tokens in the cache of program prefixes (0: no cache; default: 32768)",
    )


def add_policy_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the policy; all but the first are passed to vLLM."""
    parser.add_argument(
        "--max-new-tokens",
        type=int,
        default=512,
        metavar="N",
        help="longest program in tokens, unless a request sets it (default: 512)",
    )
    parser.add_argument(
        "--dtype", default="auto", help="type of weights and arithmetic, by vLLM's names (default: auto)"
    )
    parser.add_argument(
        "--max-length", type=int, metavar="N", help="length of the context in tokens (default: the model's own)"
    )
    parser.add_argument(
        "--max-adapter-rank",
        type=int,
        default=0,
        metavar="N",
        help="highest rank of LoRA adapters (0: no adapters; default: 0)",
    )
    parser.add_argument(
        "--eager", action="store_true", help="skip compilation: starts sooner and generates more slowly"
    )
    parser.add_argument(
        "--gpu-memory", type=float, default=0.9, metavar="SHARE", help="share of a GPU's memory (default: 0.9)"
    )
