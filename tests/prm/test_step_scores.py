"""One pass over a program gives the scores of one pass for each prefix."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from prlcoder.modeling.spans import encode, segment_end_tokens
from prlcoder.prm.items import ProgramToScore, StepSpan
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import Prompt, render
from prlcoder.segmenter import SegmentationError, segment
from prlcoder.training.stages.reward import step_classifier

pytestmark = pytest.mark.needs_torch


@pytest.fixture(scope="module", params=["llama", "qwen2", "nano"])
def scorer(
    request: pytest.FixtureRequest,
    model_folders: dict[str, Path],
    nano_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> LocalStepScorer:
    """A reward model with random weights."""
    from transformers import AutoTokenizer

    base = nano_folder if request.param == "nano" else model_folders[request.param]
    folder = tmp_path_factory.mktemp("prm")
    model = step_classifier(str(base), seed=0)
    torch.nn.init.normal_(model.score.weight)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return LocalStepScorer(str(folder))


def test_one_pass_equals_a_pass_for_each_prefix(scorer: LocalStepScorer, suite: tuple[Problem, ...]) -> None:
    programs = [(render(problem, "plain"), problem.canonical, segment(problem.canonical, "line")) for problem in suite]
    together = scorer.score(programs)
    for (prompt, program, segments), scores in zip(programs, together, strict=True):
        assert [(score.start, score.end) for score in scores] == [(part.start, part.end) for part in segments]
        encoded = encode(scorer.tokenizer, prompt.whole(program))
        for end, score in zip(segment_end_tokens(encoded, prompt, program, segments), scores, strict=True):
            with torch.inference_mode():
                rejected, chosen = (
                    scorer.step_model.model(torch.tensor([encoded.ids[: end + 1]])).logits[0, -1].tolist()
                )
            assert score.logit == pytest.approx(chosen - rejected, abs=5e-5)
            chance = torch.softmax(torch.tensor([rejected, chosen]), 0)[1].item()
            assert score.probability == pytest.approx(chance, abs=1e-5)


def test_what_follows_a_step_does_not_change_its_score(scorer: LocalStepScorer) -> None:
    prompt = Prompt(text="# s\n", given="", closing="")
    programs = ["a = 1\nb = [a]\n", "a = 1\nb = [a]\nreturn_ = 7\n"]
    short, long = scorer.score([(prompt, text, segment(text, "line")) for text in programs])
    for ours, theirs in zip(short, long, strict=False):
        assert ours.logit == pytest.approx(theirs.logit, abs=5e-5)


def test_no_segments_no_scores(scorer: LocalStepScorer) -> None:
    prompt = Prompt(text="# s\n", given="", closing="")
    assert scorer.score([(prompt, "a = 1\n", [])]) == [[]]
    assert scorer.score([]) == []


def test_programs_that_share_prefixes_score_as_rows_do(
    scorer: LocalStepScorer, suite: tuple[Problem, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = []
    for problem in suite[:4]:
        prompt = render(problem, "plain")
        lines = problem.canonical.splitlines(keepends=True)
        for count in range(1, len(lines) + 1):  # growing programs, and each with another last line
            for program in ("".join(lines[:count]), "".join(lines[: count - 1]) + "    pass  # other\n"):
                try:
                    items.append((prompt, program, segment(program, "line")))
                except SegmentationError:
                    continue
    assert scorer.step_model.reads_tries
    monkeypatch.setattr(scorer.step_model, "batch_tokens", 300)  # several batches, and tries that are split
    in_tries = scorer.score(items)
    monkeypatch.setattr(type(scorer.step_model), "reads_tries", False)
    for ours, theirs in zip(in_tries, scorer.score(items), strict=True):
        assert [score.logit for score in ours] == pytest.approx([score.logit for score in theirs], abs=5e-5)


def test_a_growing_program_is_one_pass_of_its_longest_row(
    scorer: LocalStepScorer, suite: tuple[Problem, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, prompt = scorer.step_model, render(suite[0], "plain")
    parts = segment(suite[0].canonical, "line")
    rows = [
        model.tokenise(ProgramToScore(prompt, suite[0].canonical[: part.end], (StepSpan(part.start, part.end),)))
        for part in parts
    ]
    read: list[int] = []
    forward = model.model.forward
    monkeypatch.setattr(
        model.model, "forward", lambda **inputs: (read.append(inputs["input_ids"].numel()), forward(**inputs))[1]
    )
    found = model.odds(rows)
    assert len(read) == 1
    assert read[0] < 1.3 * max(len(row.ids) for row in rows) + 16  # the last tokens of a prefix may differ
    for row, odds in zip(rows, found, strict=True):
        assert odds == pytest.approx(model.odds([row])[0], abs=5e-5)
