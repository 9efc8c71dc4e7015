"""TLS of servers. Certificates come from files; each new connection uses the files' present content."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from prlcoder.errors import InputError
from prlcoder.rpc.settings import ServerTls
from prlcoder.rpc.watched_files import Watched


def server_credentials(tls: ServerTls) -> grpc.ServerCredentials:
    """Credentials that follow changes of the files. ``InputError`` if a file is not PEM."""
    paths = [tls.certificate, tls.key] + ([tls.client_ca] if tls.client_ca else [])
    files = Watched(paths, _configuration)
    credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
        files.value(), files.value, require_client_authentication=tls.client_ca is not None
    )
    return credentials


def _configuration(contents: Sequence[bytes]) -> grpc.ServerCertificateConfiguration:
    certificate, key, *client_ca = contents
    for data, what in (
        (certificate, b"CERTIFICATE"),
        (key, b"PRIVATE KEY"),
        *((ca, b"CERTIFICATE") for ca in client_ca),
    ):
        if b"-----BEGIN " not in data or what + b"-----" not in data:
            raise InputError(f"--tls-certificate, --tls-key, --tls-client-ca: a file holds no PEM {what.decode()}")
    return grpc.ssl_server_certificate_configuration([(key, certificate)], client_ca[0] if client_ca else None)
