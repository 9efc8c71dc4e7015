"""The Markdown pages: every relative link leads to a file, and its fragment to a heading of that file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for folder, pattern in ((ROOT, "*.md"), (ROOT / "docs", "**/*.md"), (ROOT / "examples", "**/*.md"))
    for path in folder.glob(pattern)
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


def dead_links(page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    dead = []
    for link in LINK.findall(CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        target, _, fragment = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        if "://" in link or target.startswith("mailto:"):
            continue
        if not path.exists() or (fragment and path.suffix == ".md" and fragment not in anchors(path)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert dead_links(page) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `b` c\n[here](#a-b-c) [no](#d) [no](other.md) [out](https://example.org/x)\n")
    assert dead_links(page) == ["#d", "other.md"]


def test_paths_that_the_pages_name_exist() -> None:
    """Paths in code spans that begin with a top folder of the repository. Patterns and placeholders are left out."""
    path_in_code = re.compile(r"`((?:services|tests|docs|benchmarks|examples|protos)/[\w./-]+)")
    named = {
        (page.relative_to(ROOT).as_posix(), path)
        for page in PAGES
        for path in path_in_code.findall(page.read_text(encoding="utf-8"))
    }
    assert sorted((page, path) for page, path in named if not (ROOT / path).exists() and "NAME" not in path) == []


def test_modules_that_the_architecture_names_exist() -> None:
    package = ROOT / "services" / "prlcoder"
    for page in ("architecture.md", "adding.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        modules = set(re.findall(r"`([a-z_]+/[a-z_/]+\.(?:py|jinja))", text))
        missing = [name for name in sorted(modules) if not (package / name).exists() and not (ROOT / name).exists()]
        assert missing == [], page
