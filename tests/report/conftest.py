"""A small run folder written by hand, with figures that can be checked by hand and texts that try to break out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RUN_YAML = """\
apiVersion: prlcoder.dev/v1alpha1
kind: TrainingRun
metadata: {name: small-run}
spec:
  seed: 7
  model: {scratch: {preset: nano}}
  problems: {source: nano}
  segmentation: line
"""
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
HOSTILE_ID = 'odd/<b>&"1"'


def program(problem_id: str, policy: str, lines: list[tuple[str, float | None]], verdict: str, **more: Any) -> dict:
    """One line of steps.jsonl; ``lines`` are (text, score), the first without a score is a header."""
    segments, end = [], 0
    for text, score in lines:
        kind = "header" if score is None else "assignment"
        segment = {"start": end, "end": end + len(text), "kind": kind, "probability": score, "variants": []}
        segments.append(segment)
        end += len(text)
    source = "".join(text for text, _ in lines)
    row = {"problem_id": problem_id, "split": "test", "difficulty": "easy", "statement": f"# statement of {problem_id}"}
    return {**row, "policy": policy, "program": source, "verdict": verdict, "segments": segments, **more}


def steps() -> list[dict]:
    """Three problems: p1 fixed by the policy, p2 passed by both, one with hostile text everywhere."""
    canonical = program(
        "p1", "canonical", [("def f(v0):\n", None), ("    v1 = v0[::-1]\n", 0.91), ("    return v1\n", 0.87)], "passed"
    )
    canonical["segments"][1]["variants"] = [
        {
            "text": "    v1 = v0[::1]\n",
            "origin": "mutation",
            "operator": "slice_step",
            "label": "rejected",
            "verdict": "wrong_answer",
            "probability": 0.12,
        },
        {
            "text": "    v1 = list(reversed(v0))\n",
            "origin": "refactoring",
            "operator": "reversed_call",
            "label": "chosen",
            "verdict": "passed",
            "probability": 0.78,
        },
    ]
    hostile = program(
        HOSTILE_ID, "base", [(f"x = '''{HOSTILE}'''\n", 0.5), ("# 😀 <!-- \u2028 \ud800\n", 0.25)], "timeout"
    )
    return [
        canonical,
        program("p1", "base", [("def f(v0):\n", None), ("    return v0\n", 0.08)], "wrong_answer"),
        program("p1", "policy", [("def f(v0):\n", None), ("    return v0[::-1]\n", 0.95)], "passed"),
        program("p2", "base", [("def f(v0):\n    return 1\n", 0.9)], "passed", difficulty="hard", split="train"),
        program("p2", "policy", [("def f(v0):\n    return 1\n", 0.9)], "passed", difficulty="hard", split="train"),
        {**hostile, "statement": f"Print {HOSTILE}"},
    ]


def score(value: float, low: float, high: float, **more: Any) -> dict:
    """One policy of summary.json."""
    return {"pass@1": value, "n": 40, "ci95": [low, high], **more}


GAIN = {"difference": 0.14, "ci95": [0.02, 0.26]}
NO_GAIN = {"difference": 0.04, "ci95": [-0.05, 0.13]}
STEP_FIGURES = {
    "n": 100,
    "positive": 0.6,
    "majority": 0.6,
    "accuracy": 0.75,
    "false_positive_rate": 0.2,
    "auroc": 0.83,
    "auroc_within_problems": 0.79,
    "ece": 0.05,
    "text": {
        "auroc": 0.712,
        "auroc_within_problems": 0.65,
        "accuracy": 0.7,
        "false_positive_rate": 0.35,
        "ece": 0.08,
    },
    "vs_text": {"auroc": {"difference": 0.118, "ci95": [0.04, 0.19]}},
    "calibration": [{"n": 40, "probability": 0.2, "right": 0.25}, {"n": 60, "probability": 0.9, "right": 0.8}],
    "by_position": {"4": {"n": 50, "accuracy": 0.7, "auroc": 0.8}, "9": {"n": 50, "accuracy": 0.8, "auroc": None}},
    "by_kind": {"assignment": {"n": 80, "accuracy": 0.75, "auroc": 0.8}, "return": {"n": 20, "accuracy": 0.75}},
}
SUMMARY = {
    "policies": {
        "base": score(
            0.5,
            0.352,
            0.648,
            by_difficulty={"easy": score(0.75, 0.531, 0.888), "hard": score(0.25, 0.112, 0.469)},
            sampled={"n": 8, "pass@1": 0.41, "pass@8": 0.875, "ci95": {"pass@1": [0.273, 0.562]}},
            best_of_n={
                "n": 8,
                "random": 0.41,
                "oracle": 0.875,
                "by_score": {
                    "mean": score(0.55, 0.398, 0.693, vs_sampled=GAIN, auroc_within_problems=0.66),
                    "log_probability": score(0.45, 0.307, 0.602, vs_sampled=NO_GAIN, auroc_within_problems=0.58),
                },
            },
        ),
        "policy": score(
            0.8,
            0.652,
            0.895,
            by_difficulty={"easy": score(0.95, 0.764, 0.991), "hard": score(0.65, 0.433, 0.819)},
            sampled={"pass@1": 0.7, "pass@8": 0.925},
            vs_base={"difference": 0.3, "ci95": [0.127, 0.444]},
        ),
        "sft": score(0.85, 0.709, 0.929, vs_base={"difference": 0.35, "ci95": [0.17, 0.49]}),
    },
    "reward_model": {"held_out": STEP_FIGURES, "own": {"base": {"n": 0}}},
    "leak": {
        "auroc": 0.712,
        "threshold": 0.65,
        "steps": 100,
        "chosen": 60,
        "problems": 2,
        "same_place": {"pairs": 30, "auroc": 0.6},
        "responsible": ["return-early"],
        "operators": [
            {"operator": "return-early", "label": "rejected", "n": 25, "auroc": 0.91, "without": 0.64},
            {"operator": HOSTILE, "label": "rejected", "n": 5, "auroc": 0.55, "without": 0.72},
        ],
    },
    "timings_s": {},
}
SUPERVISION = {
    "content_hash": "ab" * 32,
    "versions": {"prlcoder": "0.1.0"},
    "settings": {},
    "timings_s": {},
    "counts": {
        "problems": 2,
        "segments": 5,
        "variants": 12,
        "executions": 14,
        "steps": 17,
        "pairs": 6,
        "quarantined": 1,
        "by": {
            "origin": {"canonical": {"passed": 5}, "mutation": {"passed": 2, "wrong_answer": 6, "runtime_error": 2}},
            "operator": {"slice_step": {"wrong_answer": 3, "passed": 1}, HOSTILE: {"passed": 1}},
            "reason": {"wrong_answer": {"wrong_answer": 6}, "TypeError": {"runtime_error": 2}},
            "segment_kind": {"assignment": {"passed": 7, "wrong_answer": 6, "runtime_error": 2}},
            "difficulty": {"easy": {"passed": 7, "wrong_answer": 8}},
            "verdict": {"passed": 7, "wrong_answer": 6, "runtime_error": 2},
        },
    },
}
STATE = {
    "stages": {
        "supervise": {
            "status": "done",
            "attempt": 1,
            "started": "2026-11-21T12:00:00+00:00",
            "finished": "2026-11-21T12:00:30+00:00",
            "wall_s": 30.0,
        },
        "policy": {
            "status": "done",
            "attempt": 2,
            "started": "2026-11-21T12:00:30+00:00",
            "finished": "2026-11-21T12:02:00+00:00",
            "wall_s": 90.0,
        },
    }
}
LOG = [
    {"loss": 0.7, "learning_rate": 1e-4, "step": 10, "rewards/accuracies": 0.5},
    {"loss": 0.4, "learning_rate": 5e-5, "step": 20, "rewards/accuracies": 0.9},
    {"eval_loss": 0.45, "step": 20},
    {"train_runtime": 3.0, "train_loss": 0.55, "step": 20},
]


def samples() -> list[dict]:
    """Greedy outcomes of 40 problems: base 20, policy 32 (a superset), sft 34 (a superset of the policy's)."""
    passed = {"base": 20, "policy": 32, "sft": 34}
    return [
        {
            "task_id": f"t{index}",
            "completion": "",
            "problem_id": f"t{index}",
            "policy": policy,
            "sample": 0,
            "temperature": 0.0,
            "verdict": "passed" if index < count else "wrong_answer",
        }
        for policy, count in passed.items()
        for index in range(40)
    ]


def write_run(folder: Path) -> Path:
    """The whole run folder of this file, as a finished run leaves it."""
    contents: dict[str, Any] = {
        "state.json": STATE,
        "splits.json": {"train": ["p2"], "validation": [], "test": ["p1"], "digest": "d"},
        "supervision/manifest.json": SUPERVISION,
        "policy/training_log.json": LOG,
        "policy/nll/training_log.json": LOG[:2],
        "evaluation/summary.json": SUMMARY,
    }
    for name, value in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")
    for name, rows in (("steps", steps()), ("samples", samples())):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "evaluation" / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    (folder / "run.yaml").write_text(RUN_YAML, encoding="utf-8")
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A finished small run."""
    folder = tmp_path / "small-run"
    folder.mkdir()
    return write_run(folder)


@pytest.fixture(scope="session")
def hostile_id() -> str:
    """The id of the problem whose texts try to break out of the page."""
    return HOSTILE_ID
