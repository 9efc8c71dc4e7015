"""Bearer tokens, which callers must send. Health checks need none, because Kubernetes' probes cannot send one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc

from prlcoder.errors import InputError
from prlcoder.rpc.errors import CallError
from prlcoder.rpc.watched_files import Watched

MIN_TOKEN_LENGTH = 16


class Tokens:
    """The tokens in a file, one per line; lines that begin with # are comments. The file is read again when it
    changes."""

    def __init__(self, path: Path) -> None:
        """``InputError`` if the file has no token or one with fewer than 16 characters."""
        self._digests = Watched([path], lambda contents: _digests(path, contents))

    def require(self, authorization: Any) -> None:
        """Raises ``CallError`` (UNAUTHENTICATED) unless the header is ``Bearer TOKEN`` with a token of the file."""
        scheme, _, token = str(authorization or "").partition(" ")
        given = _digest(token.strip().encode())
        # Compare with every token, so that the time does not show which one matched.
        known = [hmac.compare_digest(given, digest) for digest in self._digests.value()]
        if scheme.lower() != "bearer" or not any(known):
            what = "the bearer token is not one of this server's" if authorization else "no bearer token was sent"
            message = f"{what}; send the metadata `authorization: Bearer TOKEN`"
            raise CallError(grpc.StatusCode.UNAUTHENTICATED, "BAD_TOKEN", message)


def _digests(path: Path, contents: Sequence[bytes]) -> tuple[bytes, ...]:
    lines = (line.strip() for line in contents[0].splitlines())
    tokens = [line for line in lines if line and not line.startswith(b"#")]
    if not tokens:
        raise InputError(f"{path}: holds no token; write one per line")
    if min(map(len, tokens)) < MIN_TOKEN_LENGTH:
        raise InputError(f"{path}: a token has fewer than {MIN_TOKEN_LENGTH} characters; use `openssl rand -hex 32`")
    return tuple(map(_digest, tokens))


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
