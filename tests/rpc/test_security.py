"""Who is let in: TLS, mutual TLS, certificates and tokens that change under a running server, plaintext."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.fixtures.authorities import Authority
from tests.fixtures.odd_segmenter import OddSegmenter
from tests.fixtures.serving import Serve, channel

from prlcoder.errors import InputError
from prlcoder.rpc.address import Address, ClientTls
from prlcoder.rpc.client import ServiceError
from prlcoder.rpc.server import Server
from prlcoder.rpc.settings import ServerSettings, ServerTls
from prlcoder.segmenter.serving.client import BlockingSegmenter

TOKEN = "0123456789abcdef0123456789abcdef"


def odd(limits: object, registry: object) -> OddSegmenter:
    return OddSegmenter()


def ask(server: Server, tls: ClientTls | None = None, token: str = "") -> None:
    """One call that succeeds, or the ``ServiceError`` that says why not."""
    address = Address(f"127.0.0.1:{server.port}", tls, token)
    with BlockingSegmenter(address, timeout_s=3.0) as client:
        client.segment(["x = 1\n"], "line")


def refused(server: Server, tls: ClientTls | None = None, token: str = "") -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        ask(server, tls, token)
    return caught.value


@pytest.fixture(scope="module")
def files(authority: Authority) -> ServerTls:
    return ServerTls(*authority.issue("server"))


def test_tls_with_the_right_authority_and_not_with_another_one(
    serve: Serve, authority: Authority, files: ServerTls, tmp_path: Path
) -> None:
    server = serve(odd, ServerSettings(tls=files))
    ask(server, ClientTls(authority.ca))
    other = Authority(tmp_path)
    assert refused(server, ClientTls(other.ca)).code is grpc.StatusCode.UNAVAILABLE
    assert refused(server, None).code is grpc.StatusCode.UNAVAILABLE


def test_mutual_tls_wants_a_certificate_of_its_authority(
    serve: Serve, authority: Authority, files: ServerTls, tmp_path: Path
) -> None:
    server = serve(odd, ServerSettings(tls=ServerTls(files.certificate, files.key, authority.ca)))
    ask(server, ClientTls(authority.ca, *authority.issue("client")))
    assert refused(server, ClientTls(authority.ca)).code is grpc.StatusCode.UNAVAILABLE
    stranger = Authority(tmp_path)
    assert refused(server, ClientTls(authority.ca, *stranger.issue("client"))).code is grpc.StatusCode.UNAVAILABLE


def test_a_renewed_certificate_is_served_without_a_restart(serve: Serve, tmp_path: Path) -> None:
    old, new = (tmp_path / name for name in ("old", "new"))
    old.mkdir()
    new.mkdir()
    first, second = Authority(old), Authority(new)
    certificate, key = first.issue("server")
    server = serve(odd, ServerSettings(tls=ServerTls(certificate, key)))
    ask(server, ClientTls(first.ca))
    for renewed, served in zip(second.issue("server"), (certificate, key), strict=True):
        os.replace(renewed, served)
    ask(server, ClientTls(second.ca))
    assert refused(server, ClientTls(first.ca)).code is grpc.StatusCode.UNAVAILABLE


def test_tokens_are_required_compared_and_reloaded(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"# clients\n{TOKEN}\n")
    server = serve(odd, ServerSettings(token_file=path))
    ask(server, token=TOKEN)
    for wrong in ("", "x" * 32, TOKEN[:-1]):
        error = refused(server, token=wrong)
        assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "BAD_TOKEN")
        assert TOKEN not in str(error)
    renewed = tmp_path / "renewed"
    renewed.write_text(TOKEN[::-1] + "\n")
    os.replace(renewed, path)
    ask(server, token=TOKEN[::-1])
    assert refused(server, token=TOKEN).code is grpc.StatusCode.UNAUTHENTICATED
    path.write_text("")  # a broken change: the tokens before it stay
    ask(server, token=TOKEN[::-1])


def test_health_needs_no_token_and_reflection_does(serve: Serve, tmp_path: Path) -> None:
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    path = tmp_path / "tokens"
    path.write_text(TOKEN)
    plain = channel(serve(odd, ServerSettings(token_file=path)))
    assert health_pb2_grpc.HealthStub(plain).Check(health_pb2.HealthCheckRequest()).status == 1
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    with pytest.raises(grpc.RpcError) as caught:
        list(reflection_pb2_grpc.ServerReflectionStub(plain).ServerReflectionInfo(iter([request])))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ServerSettings(host="0.0.0.0"), "not loopback"),
        (ServerSettings(token_file=Path("/nowhere/tokens")), "cannot be read"),
        (ServerSettings(tls=ServerTls(Path("/nowhere/pem"), Path("/nowhere/key"))), "cannot be read"),
    ],
)
def test_settings_that_are_not_safe_or_not_there_are_refused(settings: ServerSettings, message: str) -> None:
    async def make() -> None:
        Server(OddSegmenter(), settings)

    with pytest.raises(InputError, match=message):
        asyncio.run(make())


def test_files_that_are_no_pem_and_tokens_that_are_short_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pem").write_text("hello")
    (tmp_path / "tokens").write_text("short\n")
    for settings, message in (
        (ServerSettings(tls=ServerTls(tmp_path / "pem", tmp_path / "pem")), "no PEM CERTIFICATE"),
        (ServerSettings(token_file=tmp_path / "tokens"), "fewer than 16"),
    ):
        with pytest.raises(InputError, match=message):
            Server(OddSegmenter(), settings)


def test_a_clients_trust_and_identity_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    values: dict[str, Any] = {"PRLCODER_TLS_CA": "ca.pem", "PRLCODER_TOKEN_FILE": str(tmp_path / "token")}
    assert Address.of("host:1", values) == Address("host:1", ClientTls(Path("ca.pem")), TOKEN)
    assert Address.of("host:1", {}) == Address("host:1")
    assert Address.of("plaintext://host:1", values) == Address("host:1", None, TOKEN)
    assert Address.of("tls://host:1", {}) == Address("host:1", ClientTls())
    with pytest.raises(InputError, match="set both or neither"):
        Address.of("host:1", {"PRLCODER_TLS_KEY": "key"})
