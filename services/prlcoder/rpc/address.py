"""How a client reaches a server: its address, the authority to trust, and the client's own identity."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from prlcoder.errors import InputError

SCHEMES: Final[tuple[Literal["tls", "plaintext"], ...]] = ("tls", "plaintext")


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
        ``PRLCODER_TLS_CERTIFICATE``, ``PRLCODER_TLS_KEY`` and ``PRLCODER_TOKEN_FILE`` (paths).

        Before the target, ``tls://`` asks for TLS and ``plaintext://`` for none. Without either of them TLS is used if
        the environment names TLS files.
        """
        values = os.environ if environment is None else environment
        scheme, target = split_scheme(target)
        ca, certificate, key = (_path(values.get(f"PRLCODER_TLS_{name}")) for name in ("CA", "CERTIFICATE", "KEY"))
        if (certificate is None) != (key is None):
            raise InputError("PRLCODER_TLS_CERTIFICATE, PRLCODER_TLS_KEY: one is missing; set both or neither")
        secure = scheme == "tls" or (scheme is None and (ca or certificate))
        tls = ClientTls(ca, certificate, key) if secure else None
        token_file = values.get("PRLCODER_TOKEN_FILE")
        return cls(target, tls, _read(Path(token_file)).strip() if token_file else "")


def split_scheme(address: str) -> tuple[Literal["tls", "plaintext"] | None, str]:
    """The scheme of an address and its target.

    >>> split_scheme("tls://executor:8103")
    ('tls', 'executor:8103')
    """
    for scheme in SCHEMES:
        if address.startswith(f"{scheme}://"):
            return scheme, address.removeprefix(f"{scheme}://")
    return None, address


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check PRLCODER_TOKEN_FILE") from None
