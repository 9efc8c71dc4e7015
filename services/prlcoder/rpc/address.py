"""How a client reaches a server: its address, the authority to trust, and the client's own identity."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from prlcoder.errors import InputError


@dataclass(frozen=True)
class ClientTls:
    """PEM files. With ``ca=None`` the system's authorities are trusted. ``certificate`` and ``key`` are the client's
    own, for mutual TLS."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Address:
    """``target`` is a gRPC target such as ``127.0.0.1:8101`` or ``dns:///executor:8101``. ``tls=None`` is plaintext."""

    target: str
    tls: ClientTls | None = None
    token: str = ""

    @classmethod
    def of(cls, target: str, environment: dict[str, str] | None = None) -> Address:
        """``target`` with the TLS files and the token that the environment names for all clients: ``PRLCODER_TLS_CA``,
        ``PRLCODER_TLS_CERTIFICATE``, ``PRLCODER_TLS_KEY`` and ``PRLCODER_TOKEN_FILE`` (paths)."""
        values = os.environ if environment is None else environment
        ca, certificate, key = (_path(values.get(f"PRLCODER_TLS_{name}")) for name in ("CA", "CERTIFICATE", "KEY"))
        if (certificate is None) != (key is None):
            raise InputError("PRLCODER_TLS_CERTIFICATE, PRLCODER_TLS_KEY: one is missing; set both or neither")
        tls = ClientTls(ca, certificate, key) if ca or certificate else None
        token_file = values.get("PRLCODER_TOKEN_FILE")
        return cls(target, tls, _read(Path(token_file)).strip() if token_file else "")


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check PRLCODER_TOKEN_FILE") from None
