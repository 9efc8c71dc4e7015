"""Images for a container runtime, written without a builder: a layer is a tar file, and an image is a list of layers.

The format is the OCI image layout in a tar file (https://github.com/opencontainers/image-spec, image-layout.md).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

BUFFER: Final = 1 << 20  # bytes
ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Layer:
    """An uncompressed tar file, the SHA-256 of it and its size in bytes."""

    path: Path
    digest: str
    size: int

    @classmethod
    def of(cls, path: Path, write: Callable[[tarfile.TarFile], None], *, needed: bool = True) -> Layer:
        """The layer in ``path``; ``write`` fills it if it does not exist. Its digest and size lie beside it.

        Where the file itself is not ``needed``, because a runtime has it, they suffice.
        """
        noted = path.with_suffix(".sha256")
        if not noted.exists() or (needed and not path.exists()):
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".unfinished")
            with open(unfinished, "wb") as file, _layer_file(hashing := _HashingFile(file)) as tar:
                write(tar)
            noted.write_text(f"{hashing.hash.hexdigest()} {unfinished.stat().st_size}")
            unfinished.rename(path)
        digest, size = noted.read_text().split()
        return cls(path, digest, int(size))


@dataclass(frozen=True)
class Image:
    """A name, the layers from the lowest, and the settings of its containers."""

    name: str
    layers: tuple[Layer, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def write(self, file: IO[bytes], present: Sequence[Layer] = ()) -> None:
        """Write the image as one tar file, without the layers that are ``present`` where it goes."""
        config = json.dumps(self._config()).encode()
        layers = [_descriptor(_LAYER, layer.digest, layer.size) for layer in self.layers]
        manifest = json.dumps(
            {"schemaVersion": 2, "mediaType": _MANIFEST, "config": _described(_CONFIG, config), "layers": layers}
        ).encode()
        listed = {**_described(_MANIFEST, manifest), "annotations": {"io.containerd.image.name": self.name}}
        index = json.dumps({"schemaVersion": 2, "manifests": [listed]}).encode()
        with tarfile.open(fileobj=file, mode="w|", bufsize=BUFFER) as tar:
            _add_bytes(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            _add_bytes(tar, "index.json", index)
            for content in (config, manifest):
                _add_bytes(tar, f"blobs/sha256/{hashlib.sha256(content).hexdigest()}", content)
            tar.copybufsize = BUFFER
            for layer in self.layers:
                if layer not in present:
                    tar.add(layer.path, f"blobs/sha256/{layer.digest}")

    def _config(self) -> dict[str, Any]:
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        settings = {"Env": variables, "Entrypoint": list(self.entrypoint), "Labels": dict(self.labels)}
        return {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in self.layers]},
        }


def add_tree(tar: tarfile.TarFile, folder: Path, name: str, left_out: Sequence[str] = ()) -> None:
    """Add a folder and what is in it under ``name``, without the paths in it that begin with ``left_out``."""

    def kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        inside = os.path.relpath(f"/{member.name}", f"/{name}")
        return None if inside.startswith(tuple(left_out)) else member

    tar.add(folder, name or ".", filter=kept if left_out else None)


def add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    """Add a file with this content, owned by root."""
    _add_bytes(tar, name, content, mode)


def add_link(tar: tarfile.TarFile, name: str, target: str) -> None:
    """Add a symbolic link."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    tar.addfile(member)


@contextmanager
def _layer_file(file: _HashingFile) -> Iterator[tarfile.TarFile]:
    with tarfile.open(fileobj=file, mode="w", dereference=False) as tar:  # type: ignore[call-overload]
        tar.copybufsize = BUFFER
        yield tar


class _HashingFile:
    """A file for ``tarfile`` that hashes what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.hash = file, hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.hash.update(content)
        return self._file.write(content)

    def tell(self) -> int:
        return self._file.tell()


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))


def _described(media_type: str, content: bytes) -> dict[str, Any]:
    return _descriptor(media_type, hashlib.sha256(content).hexdigest(), len(content))


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}
