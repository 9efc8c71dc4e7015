"""Certificate authorities for one cluster, its API server and PRLCoder's services."""

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
    root, certificate, server = _signed("kube-apiserver", addresses, names)
    (folder / "ca.crt").write_bytes(root)
    (folder / "server.crt").write_bytes(certificate)
    _write_key(folder / "server.key", server)
    _write_key(folder / "account.key", _new_key())


def service_certificate(names: tuple[str, ...]) -> dict[str, str]:
    """The entries of a Secret: ``ca.crt``, and ``tls.crt`` with ``tls.key`` for servers of these names."""
    root, certificate, key = _signed("prlcoder-services", (), names)
    return {"ca.crt": root.decode(), "tls.crt": certificate.decode(), "tls.key": _pem(key).decode()}


def _signed(
    common_name: str, addresses: tuple[str, ...], names: tuple[str, ...]
) -> tuple[bytes, bytes, rsa.RSAPrivateKey]:
    """A new authority's certificate, a certificate that it has signed, and the latter's key."""
    authority, server = _new_key(), _new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "prlcoder-e2e")])
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    root = _builder(name, name, authority).add_extension(constraints, critical=True).sign(authority, hashes.SHA256())
    reached = [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
    alternatives = x509.SubjectAlternativeName([*reached, *(x509.DNSName(one) for one in names)])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    unsigned = _builder(subject, name, server).add_extension(alternatives, critical=False)
    certificate = unsigned.sign(authority, hashes.SHA256())
    pem = serialization.Encoding.PEM
    return root.public_bytes(pem), certificate.public_bytes(pem), server


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


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
    path.write_bytes(_pem(key))


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
