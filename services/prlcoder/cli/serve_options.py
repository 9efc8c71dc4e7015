"""Options of ``prlcoder serve``: those of every server, and those of each service."""

from __future__ import annotations

import argparse
from pathlib import Path

from prlcoder.errors import InputError
from prlcoder.rpc.settings import ServerLimits, ServerSettings, ServerTls


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Where to listen, whom to trust, how much to take."""
    defaults = ServerLimits()
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine)")
    parser.add_argument("--ready-file", type=Path, metavar="F", help="write the addresses here once all are healthy")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    trust = parser.add_argument_group("security")
    trust.add_argument("--tls-certificate", type=Path, metavar="PEM", help="serve TLS with this certificate chain")
    trust.add_argument("--tls-key", type=Path, metavar="PEM", help="and this private key")
    trust.add_argument("--tls-client-ca", type=Path, metavar="PEM", help="require a client certificate of this CA")
    trust.add_argument("--token-file", type=Path, metavar="F", help="require a bearer token: one a line")
    trust.add_argument("--insecure", action="store_true", help="allow plaintext on an address that others reach")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-message-mib", type=int, default=defaults.message_bytes >> 20, metavar="N")
    limits.add_argument("--max-batch", type=int, default=defaults.batch_items, metavar="N", help="items a batch")
    limits.add_argument("--max-queue", type=int, default=defaults.queue_items, metavar="N", help="items in flight")
    limits.add_argument("--max-calls", type=int, default=defaults.calls, metavar="N", help="calls open at a time")
    limits.add_argument("--max-connection-age", type=float, default=defaults.connection_age_s, metavar="S")
    limits.add_argument("--drain-delay", type=float, default=0.0, metavar="S", help="NOT_SERVING for so long first")
    limits.add_argument("--drain-grace", type=float, default=30.0, metavar="S", help="then, for calls to end")


def add_port_options(parser: argparse.ArgumentParser) -> None:
    """Ports of one server; 0 is any free one."""
    parser.add_argument("--port", type=int, default=0, help="gRPC port (default: a free one)")
    parser.add_argument("--metrics-port", type=int, default=0, help="port of /metrics (default: a free one)")


def add_executor_options(parser: argparse.ArgumentParser) -> None:
    """The sandbox behind the service."""
    parser.add_argument("--workers", type=int, metavar="N", help="programs at a time (default: one a core)")
    parser.add_argument("--jail", choices=("zygote", "per-run"), default="zygote")
    parser.add_argument(
        "--profile",
        choices=("auto", "namespaces", "gvisor", "degraded"),
        default="auto",
        help="isolation; degraded is refused unless named here",
    )
    parser.add_argument("--cache", type=int, default=65_536, metavar="N", help="results kept (0: none)")
    parser.add_argument("--http", type=int, metavar="PORT", help="serve SandboxFusion's /run_code here too")


def add_compute_options(parser: argparse.ArgumentParser) -> None:
    """Worker processes of the segmenter and the mutator."""
    parser.add_argument("--workers", type=int, metavar="N", help="worker processes (default: one a core)")


def server_settings(arguments: argparse.Namespace) -> ServerSettings:
    """The settings that the options say; ``InputError`` for options that do not go together."""
    for name in ("max_message_mib", "max_batch", "max_queue", "max_calls", "max_connection_age", "drain_grace"):
        if not getattr(arguments, name) > 0:
            raise InputError(f"--{name.replace('_', '-')}: {getattr(arguments, name)} is not above 0")
    if arguments.max_batch > arguments.max_queue:
        raise InputError("--max-batch: is above --max-queue; such a batch could never come in")
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
            raise InputError("--tls-client-ca: goes with --tls-certificate and --tls-key")
        return None
    if certificate is None or key is None:
        raise InputError("--tls-certificate, --tls-key: give both or none")
    return ServerTls(certificate, key, client_ca)


def add_model_options(parser: argparse.ArgumentParser, what: str, prefix: str = "") -> None:
    """The model behind a service."""
    parser.add_argument(f"--{prefix}model", required=True, metavar="MODEL", help=f"{what}: a folder or hub id")


def add_template_option(parser: argparse.ArgumentParser) -> None:
    """How problems become prompts."""
    from prlcoder.problems.prompts import TEMPLATES

    parser.add_argument(
        "--template",
        choices=("auto", *TEMPLATES),
        default="auto",
        help="prompt template (default: the one that the model was trained with)",
    )


def add_engine_option(parser: argparse.ArgumentParser) -> None:
    """What generates."""
    parser.add_argument(
        "--engine",
        choices=("auto", "vllm", "transformers"),
        default="auto",
        help="auto: vllm where it is installed, transformers else",
    )


def add_prm_options(parser: argparse.ArgumentParser) -> None:
    """How programs meet the reward model."""
    parser.add_argument(
        "--batch-tokens",
        type=int,
        metavar="N",
        help="tokens a pass, padding included (default: 1024 on a CPU, 16384 on a GPU)",
    )
    parser.add_argument("--batch-delay-ms", type=float, default=5.0, metavar="MS", help="wait for company at most")
    parser.add_argument(
        "--prefix-tokens",
        type=int,
        default=32768,
        metavar="N",
        help="tokens kept of programs that were read, for those that grow (0: none)",
    )


def add_policy_options(parser: argparse.ArgumentParser) -> None:
    """How the policy writes; all but the first are vLLM's."""
    parser.add_argument("--max-new-tokens", type=int, default=512, metavar="N", help="where a request says nothing")
    parser.add_argument("--dtype", default="auto", help="of weights and arithmetic, as vLLM names it")
    parser.add_argument("--max-length", type=int, metavar="N", help="context (default: the model's own)")
    parser.add_argument("--max-adapter-rank", type=int, default=0, metavar="N", help="LoRA adapters (0: none)")
    parser.add_argument("--eager", action="store_true", help="start sooner, generate slower")
    parser.add_argument("--gpu-memory", type=float, default=0.9, metavar="SHARE", help="of a GPU's memory")
