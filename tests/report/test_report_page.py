"""``build`` and ``prlcoder report``: whole and partial runs, folders that are no runs, damaged files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from prlcoder.errors import InputError
from prlcoder.report import build


class Reader(HTMLParser):
    """Visible text by section, and every address that the page could fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.section, self.texts, self.addresses, self.elements = "", {"": ""}, [], []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        attributes = dict(attrs)
        if tag == "section":
            self.section = attributes["id"] or ""
            self.texts[self.section] = ""
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "poster")]
        assert not [name for name, _ in attrs if name == "style" or name.startswith("on")], "the policy forbids these"

    def handle_data(self, data: str) -> None:
        self.texts[self.section] += data


def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader


def command(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("prlcoder")
    return subprocess.run([program, "report", folder], capture_output=True, text=True, check=False)


def test_a_finished_run_has_every_section(run_folder: Path) -> None:
    page = build(run_folder)
    assert page == run_folder / "report.html"
    reader = read(page)
    assert list(reader.texts)[1:] == ["results", "viewer", "training", "reward", "supervision", "run"]
    assert "Of the controls, SFT (85.0 %)" in reader.texts["results"]
    assert "15.0 points more accurate than always answering “right”" in reader.texts["reward"]
    assert "+14.0 (+2.0 to +26.0); AUROC 0.660" in reader.texts["reward"]
    assert "+4.0 (−5.0 to +13.0); AUROC 0.580" in reader.texts["reward"]
    assert "slice step" in reader.texts["supervision"]
    assert "attempt 2" in reader.texts["run"]
    assert "Control NLL" in reader.texts["training"]


def test_further_benchmarks_have_a_table_each(run_folder: Path) -> None:
    summary = json.loads((run_folder / "evaluation" / "summary.json").read_text())
    further = run_folder / "evaluation" / "validation" / "summary.json"
    further.parent.mkdir()
    further.write_text(json.dumps({**summary, "benchmark": "validation"}))
    text = read(build(run_folder)).texts["results"]
    assert "Pass@1 on 40 held-out problems" in text
    assert "Pass@1 on 40 validation problems" in text


def test_the_leak_test_stands_beside_the_reward_model(run_folder: Path) -> None:
    text = " ".join(read(build(run_folder)).texts["reward"].split())
    # the cells of both rows: steps, AUROC, within problems, accuracy, constant answer, wrong steps accepted, ECE
    assert re.search(r"Labelled steps of held-out problems.*?1000\.8300\.79075\.060\.020\.00\.050", text)
    assert re.search(r"Leak test: the text of held-out steps alone.*?1000\.7120\.65070\.060\.035\.00\.080", text)
    assert "PRM’s AUROC against it: +0.118 (+0.040 to +0.190)" in text
    assert "above 0.65; without return-early it would not be; 0.600 over the 30 pairs of the same segment" in text
    # the operator that betrays most comes first, its own AUROC and number of steps behind it
    assert re.search(r"AUROC ?steps ?return-early \(rejected\) ?0\.910 ?25 ?<", text)


def test_reward_figures_of_every_benchmark(run_folder: Path) -> None:
    path = run_folder / "evaluation" / "summary.json"
    summary = json.loads(path.read_text())
    path.write_text(json.dumps({**summary, "leak": None}))
    further = run_folder / "evaluation" / "humaneval" / "summary.json"
    further.parent.mkdir()
    own = {"own_steps": {"base": summary["reward_model"]["held_out"]}}
    further.write_text(json.dumps({**summary, "benchmark": "humaneval", "reward_model": own, "leak": None}))
    text = read(build(run_folder)).texts["reward"]
    assert "Labelled steps of held-out problems" in text
    assert "Steps that Base wrote for humaneval" in text
    assert "Leak test" not in text


def test_the_page_is_self_contained(run_folder: Path) -> None:
    reader = read(build(run_folder))
    assert all(address.startswith("#") for address in reader.addresses)
    assert not {"img", "link", "iframe", "object", "base"} & set(reader.elements)


def test_the_same_run_gives_the_same_page(run_folder: Path) -> None:
    first = build(run_folder).read_bytes()
    assert build(run_folder).read_bytes() == first
    assert [path.name for path in run_folder.iterdir() if path.name.startswith(".")] == []


def test_an_unfinished_run_says_what_is_missing(run_folder: Path) -> None:
    shutil.rmtree(run_folder / "evaluation")
    shutil.rmtree(run_folder / "supervision")
    state = {"stages": {"supervise": {"status": "running"}, "evaluate": {"status": "to do"}}}
    (run_folder / "state.json").write_text(json.dumps(state))
    texts = read(build(run_folder)).texts
    assert "The stage evaluate has not run yet" in texts["results"]
    assert "The stage evaluate has not run yet" in texts["viewer"]
    assert "The stage supervise is running" in texts["supervision"]
    assert "The stage reward is not part of this run" in texts["reward"]


def test_a_run_that_has_only_begun_has_a_page(run_folder: Path) -> None:
    for path in run_folder.iterdir():
        if path.name != "run.yaml":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "No stage has run yet." in read(build(run_folder)).texts["run"]


def test_hostile_text_is_escaped_everywhere(run_folder: Path) -> None:
    text = build(run_folder).read_text(encoding="utf-8")
    assert "<img" not in text
    assert len(re.findall(r"<script", text)) == 2
    assert len(re.findall(r"</script", text)) == 2


def test_the_command_prints_the_path(run_folder: Path) -> None:
    done = command(run_folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{run_folder}/report.html\n", "")


@pytest.mark.parametrize("kind", ["absent", "empty", "file"])
def test_what_is_no_run_folder_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "thing"
    if kind == "empty":
        folder.mkdir()
    elif kind == "file":
        folder.write_text("x")
    done = command(folder)
    assert done.returncode == 2
    assert done.stderr.startswith(f"prlcoder report: {folder}: not a run folder")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("run.yaml", "a: [", "run.yaml: not YAML"),
        ("run.yaml", "- 1", "run.yaml: "),
        ("state.json", "{", "state.json: not JSON"),
        (
            "evaluation/summary.json",
            '{"policies": {"base": {"n": 3}}}',
            "summary.json: policies.base.pass@1: Field required",
        ),
        ("evaluation/steps.jsonl", '{"policy": "base"}\n', "steps.jsonl:1: problem_id: Field required"),
        ("policy/training_log.json", "{}", "training_log.json: a list of log records was expected"),
    ],
)
def test_damaged_files_are_named(run_folder: Path, name: str, content: str, told: str) -> None:
    (run_folder / name).write_text(content)
    with pytest.raises(InputError, match=re.escape(told)):
        build(run_folder)
    assert not (run_folder / "report.html").exists()
