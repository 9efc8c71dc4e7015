"""A certificate authority for one cluster, and the certificate of its API server."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

VALIDITY: Final = timedelta(days=2)


def write_certificates(folder: Path, addresses: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Write ``ca.crt``, ``server.crt`` with ``server.key``, and ``account.key``, which signs service accounts' tokens.

    ``addresses`` and ``names`` are those under which the server is reached.
    """
    authority, account, server = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "prlcoder-e2e")])
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    root = _builder(name, name, authority).add_extension(constraints, critical=True).sign(authority, hashes.SHA256())
    reached = [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
    alternatives = x509.SubjectAlternativeName([*reached, *(x509.DNSName(one) for one in names)])
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    certificate = (
        _builder(server_name, name, server).add_extension(alternatives, critical=False).sign(authority, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    (folder / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_key(folder / "server.key", server)
    _write_key(folder / "account.key", account)


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + VALIDITY)
    )


def _write_key(path: Path, key: rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
