"""The files of ``/etc`` that a jail shows beside the linker's cache: its users and the names of its hosts.

With them ``getpass.getuser()``, ``pwd`` and ``localhost`` work as in any small container.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

ETC_FILES: Final = {
    "passwd": "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


def write_etc(folder: Path) -> Iterator[tuple[Path, str]]:
    """Fill an empty ``folder``. Yields each file and its path inside the jail."""
    for name, text in ETC_FILES.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o444)
        yield path, f"/etc/{name}"
