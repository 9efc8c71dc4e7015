"""The step viewer's data: exact texts, safe inside a script element, small, and a fair choice when it must be cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.report.records import ReportedProgram, ReportedStep
from prlcoder.report.viewer import mixed, pieces, script_safe, viewer_data


def program(problem_id: str, split: str = "test", difficulty: str = "easy", **more: Any) -> ReportedProgram:
    fields = {
        "problem_id": problem_id,
        "split": split,
        "difficulty": difficulty,
        "policy": "base",
        "program": "x = 1\n",
    }
    return ReportedProgram.model_validate({**fields, **more})


@settings(max_examples=60)
@given(st.text(max_size=40), st.lists(st.integers(0, 40), max_size=6))
def test_pieces_concatenate_to_the_program(text: str, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(text)) for cut in cuts})
    steps = [ReportedStep(start=start, end=end) for start, end in pairwise(ends)]
    assert "".join(piece for piece, _ in pieces(text, steps)) == text


@settings(max_examples=60)
@given(st.text(alphabet=st.characters(categories=["L", "P", "S", "Cs", "Cc", "Zl"]), max_size=60))
def test_packed_text_survives_and_cannot_leave_its_script_element(text: str) -> None:
    packed = script_safe(json.dumps([text], ensure_ascii=False))
    assert json.loads(packed) == [text]
    assert not {"<", ">", "&"} & set(packed)
    packed.encode("utf-8")


def test_a_problem_is_packed_as_documented() -> None:
    step = {
        "start": 0,
        "end": 6,
        "kind": "assignment",
        "probability": 0.1234,
        "variants": [
            {
                "text": "x = 2\n",
                "origin": "mutation",
                "operator": "constant",
                "label": "rejected",
                "verdict": "wrong_answer",
                "probability": None,
            }
        ],
    }
    data = json.loads(viewer_data([program("p", verdict="passed", statement="s", segments=[step])]).json)
    words = data["words"]
    (problem,) = data["problems"]
    (packed,) = problem[4]
    assert [problem[0], words[problem[1]], words[problem[2]], problem[3]] == ["p", "test", "easy", "s"]
    assert (words[packed[0]], words[packed[1]]) == ("base", "passed")
    text, kind, score, ((variant, *named, missing),) = packed[2][0]
    assert (text, words[kind], score, variant, missing) == ("x = 1\n", "assignment", 123, "x = 2\n", None)
    assert [words[name] for name in named] == ["mutation", "constant", "rejected", "wrong_answer"]


def test_offsets_count_code_points() -> None:
    both = pieces("'😀'\nx\n", [ReportedStep(start=0, end=4), ReportedStep(start=4, end=6)])
    assert [text for text, _ in both] == ["'😀'\n", "x\n"]


def test_the_canonical_program_comes_first() -> None:
    rows = [program("p", policy=policy) for policy in ("sft", "policy", "base", "canonical")]
    data = json.loads(viewer_data(rows).json)
    order = [data["words"][packed[0]] for packed in data["problems"][0][4]]
    assert order == ["canonical", "base", "policy", "sft"]


def test_over_budget_some_of_each_level_stays_held_out_first() -> None:
    rows = [
        program(f"{split}{level}{i}", split, level)
        for split in ("train", "test")
        for level in ("easy", "hard")
        for i in "01"
    ]
    order = [group[0].problem_id for group in mixed([[row] for row in rows])]
    assert order[:4] == ["testeasy0", "testhard0", "testeasy1", "testhard1"]
    small = viewer_data(rows, budget=150)
    assert 0 < small.shown < small.total == 8
    assert viewer_data(rows).shown == 8
