"""The page in a real browser: it draws without complaint, its address chooses what is shown, hostile text is inert."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.report.test_report_updates import rollout
from tests.report.test_report_updates import row as update_row

from prlcoder.report import build

pytestmark = pytest.mark.needs_chromium
Open = Callable[..., Any]


def at(**fields: str | int) -> str:
    return "#" + urlencode(fields)


def test_the_page_draws_without_errors_or_requests(run_folder: Path, open_page: Open) -> None:
    tab = open_page(build(run_folder))
    assert tab.texts("h1") == ["small-run"]
    assert tab.value("!document.getElementById('viewer-app').hidden")
    assert tab.complaints() == []


def test_the_table_shows_the_figures_of_the_summary(run_folder: Path, open_page: Open) -> None:
    tab = open_page(build(run_folder))
    summary = json.loads((run_folder / "evaluation" / "summary.json").read_text())
    assert "Pass@1 on 40 held-out problems" in tab.texts("#results h3")
    for name, policy in summary["policies"].items():
        cells = tab.value(
            f"Object.fromEntries([...document.querySelectorAll('tr[data-policy={name}] td[data-key]')]"
            ".map((cell) => [cell.dataset.key, [Number(cell.dataset.value), (cell.firstChild || cell).textContent]]))"
        )
        assert cells["pass@1"] == [policy["pass@1"], f"{100 * policy['pass@1']:.1f}"]
        for level, score in policy.get("by_difficulty", {}).items():
            assert cells[level] == [score["pass@1"], f"{100 * score['pass@1']:.1f}"]
        for key in ("pass@1", "pass@8"):
            if key in policy.get("sampled", {}):
                assert cells[f"sampled {key}"] == [policy["sampled"][key], f"{100 * policy['sampled'][key]:.1f}"]
        for kind, score in policy.get("best_of_n", {}).get("by_score", {}).items():
            assert cells[f"best of n {kind}"][0] == score["pass@1"]


def test_the_address_chooses_problem_and_segment(run_folder: Path, open_page: Open) -> None:
    tab = open_page(build(run_folder), at(problem="p1", segment=1))
    assert tab.texts("#problem h3") == ["p1"]
    assert tab.texts("a.segment[aria-current] pre") == ["    v1 = v0[::-1]"]
    assert tab.texts(".variant .made") == ["refactoring · reversed call", "mutation · slice step"]
    assert tab.texts(".variant .verdict") == ["✓ passed", "✗ wrong answer"]
    assert tab.texts(".variant .label") == ["chosen", "rejected"]
    assert tab.texts(".variant .score") == ["0.78", "0.12"]
    assert tab.texts(".variant:last-child del") == ["-"]
    tab.go(at(problem="p1", program="policy", segment=1))
    assert tab.texts("a.segment[aria-current] pre") == ["    return v0[::-1]"]
    tab.go(at(problem="p2"))
    assert tab.texts("#problem h3") == ["p2"]
    assert tab.texts("a.segment[aria-current]") == []
    assert tab.complaints() == []


def test_segments_carry_their_score_in_number_and_colour(run_folder: Path, open_page: Open) -> None:
    tab = open_page(build(run_folder), at(problem="p1"))
    shown = tab.value(
        "[...document.querySelectorAll('[data-policy=canonical] a.segment')].map((segment) => "
        "[segment.querySelector('.score').textContent, segment.classList[1]])"
    )
    assert shown == [["0.91", "p9"], ["0.87", "p9"]]
    base = tab.value("getComputedStyle(document.querySelector('[data-policy=base] a.segment')).backgroundColor")
    right = tab.value("getComputedStyle(document.querySelector('[data-policy=policy] a.segment')).backgroundColor")
    assert base != right


def test_keys_and_filters_choose_problems(run_folder: Path, open_page: Open, hostile_id: str) -> None:
    tab = open_page(build(run_folder), at(problem="p1"))
    tab.press("j")
    assert tab.texts("#problem h3") == [hostile_id]
    tab.press("k")
    assert tab.texts("#problem h3") == ["p1"]
    tab.value(
        "((verdict) => { verdict.value = 'fixed'; verdict.dispatchEvent(new Event('input')); })"
        "(document.getElementById('verdict'))"
    )
    assert tab.texts("#problems .id") == ["p1"]
    assert tab.texts("#found") == ["1 of 3 problems"]


def test_hostile_text_stays_text(run_folder: Path, open_page: Open, hostile_id: str) -> None:
    tab = open_page(build(run_folder), at(problem=hostile_id, program="base", segment=0))
    assert tab.texts("#problem h3") == [hostile_id]
    assert "onerror=" in tab.texts("a.segment[aria-current] pre")[0]
    assert tab.value("document.title") == "small-run · PRLCoder report"
    assert tab.value("document.querySelectorAll('img, script:not([type]):not(:last-of-type)').length") == 0
    assert tab.complaints() == []


def test_script_that_got_in_would_not_run(run_folder: Path, open_page: Open) -> None:
    """The second wall: even markup inserted on purpose is stopped by the page's policy."""
    tab = open_page(build(run_folder))
    tab.value("""document.body.insertAdjacentHTML('beforeend', "<img src='x:y' onerror='document.title = 1'>")""")
    tab.value("document.body.append(Object.assign(document.createElement('script'), {text: 'document.title = 2'}))")
    tab.value("new Promise((done) => setTimeout(done, 50))")
    assert tab.value("document.title") == "small-run · PRLCoder report"


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_every_figure_of_a_rollout_is_visible(run_folder: Path, open_page: Open, width: int) -> None:
    log = run_folder / "policy"
    alarm = {"name": "divergence", "since": 1, "what": "too far " * 40, "remedy": "raise rl.kl.coefficient " * 20}
    (log / "updates.jsonl").write_text(json.dumps(update_row(1, alarms=[alarm])) + "\n")
    long = "    return [" + "value_of_a_long_name, " * 12 + "0]\n"
    program = f"def f(v0):\n{long}"
    one = rollout(1, -1234.5)
    one |= {"program": program, "segments": [{**one["segments"][1], "end": len(program), "reward": -1234.25}]}
    (log / "rollouts.jsonl").write_text(json.dumps(one) + "\n")
    tab = open_page(build(run_folder), width=width)
    numbers = tab.texts(".step:not(.head) .number")
    assert numbers == ["", "–", "–", "0.82", "−1234", "−1.50", "", "−1235", "0"]
    hidden = tab.value(
        "[...document.querySelectorAll('.step span, .step pre, .alarm p')].filter((cell) => {"
        "  const range = document.createRange(); range.selectNodeContents(cell);"
        "  const text = range.getBoundingClientRect(), box = cell.getBoundingClientRect();"
        "  return cell.textContent && !(text.width > 0 && text.left >= box.left - 1 && text.right <= box.right + 1"
        "    && box.right <= window.innerWidth);"
        "}).map((cell) => cell.textContent)"
    )
    assert hidden == []
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.complaints() == []


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_is_wider_than_the_window(run_folder: Path, open_page: Open, width: int) -> None:
    tab = open_page(build(run_folder), width=width)
    assert tab.value("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_every_figure_is_visible_without_scrolling_sideways(run_folder: Path, open_page: Open, width: int) -> None:
    """Also where a leak test names so many operators that their list is several lines long."""
    path = run_folder / "evaluation" / "summary.json"
    summary = json.loads(path.read_text())
    summary["leak"]["responsible"] = [f"operator-number-{number}" for number in range(40)]
    path.write_text(json.dumps(summary))
    tab = open_page(build(run_folder), width=width)
    tab.value("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    hidden = tab.value(
        "[...document.querySelectorAll('.scores tbody td, .row .figure, .row .count, .figures dd, .change b')]"
        ".filter((cell) => cell.textContent.trim()).filter((cell) => {"
        "  const range = document.createRange(); range.selectNodeContents(cell);"
        "  const text = range.getBoundingClientRect();"
        "  return !(text.width > 0 && text.height > 0 && text.left >= 0 && text.right <= window.innerWidth);"
        "}).map((cell) => cell.textContent.trim())"
    )
    assert hidden == []
    clipped = "[...document.querySelectorAll('.scroll')].filter((box) => box.scrollWidth > box.clientWidth).length"
    assert tab.value(clipped) == 0
