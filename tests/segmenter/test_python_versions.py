"""The segmenter gives the same segments under every supported Python, also under early releases of 3.11."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import prlcoder.segmenter
from prlcoder.segmenter.lines import logical_lines

PROGRAMS = [
    "def f(v0):\n    v1 = []\n    for x in v0:\n        if x % 2 == 0:\n            v1.append(x * 2)\n    return v1\n",
    "x = 'a (b' + \"c] \\\" d\"  # (\ny = f'{x!r:>{4}} {{' '''(\n'''\n\n\nz = (1,\n     2)\n",
    "if True: \\\r\n  pass\r\n\r\n# note\r\nprint(rf'\\{1}')\r\n",
]
INTERPRETERS = sorted(
    {
        str(Path(found).resolve())
        for name in ("python3", "python3.11", "python3.12", "python3.13")
        for folder in ("/usr/bin", "/usr/local/bin")
        if (found := shutil.which(name, path=folder))
    }
)
SCRIPT = """
import json, sys
if not (3, 11) <= sys.version_info < (3, 14):
    sys.exit(77)
from prlcoder.segmenter.lines import logical_lines
print(json.dumps([[logical_lines(p).offsets, logical_lines(p).numbers] for p in json.load(sys.stdin)]))
"""


@pytest.mark.skipif(not INTERPRETERS, reason="this machine has no Python in /usr/bin or /usr/local/bin")
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_another_python_finds_the_same_lines(interpreter: str) -> None:
    services = Path(prlcoder.segmenter.__file__).parents[2]
    run = subprocess.run(
        [interpreter, "-c", SCRIPT],
        input=json.dumps(PROGRAMS),
        capture_output=True,
        text=True,
        timeout=60,  # early releases of 3.11 did not come to an end
        env={"PYTHONPATH": str(services)},
    )
    if run.returncode == 77:
        pytest.skip(f"{interpreter} is not Python 3.11 to 3.13")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [[logical_lines(p).offsets, logical_lines(p).numbers] for p in PROGRAMS]


def test_no_pattern_of_the_package_has_a_possessive_group() -> None:
    """Python before 3.11.5 matches possessive and atomic groups wrongly (its issue 106052)."""
    services = Path(prlcoder.segmenter.__file__).parents[2]
    found = [
        f"{path.relative_to(services)}:{number}"
        for path in sorted(services.rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"\)[*?+]\+|\(\?>", line)
    ]
    assert found == [], sys.version
