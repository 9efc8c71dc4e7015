"""From completions to verdicts and step scores, on a problem small enough to follow by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import pytest

from prlcoder.evaluation.candidates import SampledProgram, execute, generate, rows
from prlcoder.evaluation.discrimination import JudgedStep
from prlcoder.evaluation.own_step_labels import JudgedProgram, known_steps
from prlcoder.evaluation.reward_model import own_steps, reranked, step_figures, step_scores
from prlcoder.evaluation.step_scores import ProgramScorer, ScoredProgram, aggregate
from prlcoder.evaluation.step_view import canonical_rows, spread
from prlcoder.evaluation.text_classifier import TextClassifier
from prlcoder.executor import Executor
from prlcoder.problems.model import CallTest, CallTests, Problem
from prlcoder.problems.prompts import Prompt, PromptTemplate
from prlcoder.segmenter import Segment
from prlcoder.spec import Benchmark
from prlcoder.supervision import Step

PROMPT = "def f(v0):\n"
RIGHT = "    v1 = [x + 1 for x in v0]\n    v2 = [x * 2 for x in v1]\n    return sum(v2)\n"
WRONG = RIGHT.replace("x * 2", "x * 3")
PROBLEM = Problem(
    id="p",
    statement="# add one, double, sum\n",
    prompt=PROMPT,
    tests=CallTests("f", (CallTest(([1, 2],), {}, 10), CallTest(([],), {}, 0))),
    solutions=(PROMPT + RIGHT,),
    difficulty="easy",
)


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with Executor(workers=1) as running:
        yield running


class Answers:
    """An engine that gives the same answers to every prompt."""

    tokenizer = None

    def __init__(self, greedy: str, sampled: list[str]) -> None:
        self.greedy, self.sampled = greedy, sampled

    def generate(
        self, prompts: Sequence[str], *, samples: int, temperature: float, seed: int, stop: Sequence[str] = ()
    ) -> list[list[str]]:
        return [[self.greedy] if temperature == 0 else self.sampled[:samples] for _ in prompts]


@dataclass(frozen=True)
class Score:
    start: int
    end: int
    probability: float


class Marks:
    """A scorer that believes in every step without a 3 in it, and cannot take programs above 200 characters."""

    def __init__(self) -> None:
        self.scored = 0

    def score(self, items: Sequence[tuple[Prompt, str, Sequence[Segment]]]) -> list[list[Score]]:
        if any(len(program) > 200 for _, program, _ in items):
            raise ValueError("too long")
        self.scored += len(items)
        return [
            [Score(part.start, part.end, 0.1 if "3" in part.text else 0.9) for part in parts] for *_, parts in items
        ]


def scorer(marks: Marks | None = None) -> ProgramScorer:
    return ProgramScorer(marks or Marks(), [PROBLEM], "nano", "line", None)


@pytest.mark.needs_sandbox
def test_candidates_are_the_greedy_and_the_sampled_programs_with_verdicts(executor: Executor) -> None:
    plan = Benchmark(samples=3, temperature=0.8)
    engine = Answers(RIGHT, [WRONG, RIGHT, "    return (\n"])
    unsolved = replace(PROBLEM, solutions=())  # nothing to check the template with: the engine has no tokenizer
    candidates = generate(engine, [unsolved], PromptTemplate("nano"), plan, seed=0)
    assert [(one.temperature, one.sample) for one in candidates] == [(0.0, 0), (0.8, 0), (0.8, 1), (0.8, 2)]
    verdicts = execute(candidates, {"p": PROBLEM}, executor, {})
    judged = [(one, verdicts[one.problem_id, one.program]) for one in candidates]
    assert [verdict for _, verdict in judged] == ["passed", "wrong_answer", "passed", "compile_error"]
    assert next(rows("base", judged, {"p": PROBLEM})) == {
        "task_id": "p",
        "completion": RIGHT,
        "problem_id": "p",
        "policy": "base",
        "verdict": "passed",
        "sample": 0,
        "temperature": 0.0,
    }
    assert execute(candidates, {"p": PROBLEM}, executor, verdicts) == {}  # known ones are not executed again


@pytest.mark.needs_sandbox
def test_the_first_wrong_step_is_found_by_splicing(executor: Executor) -> None:
    late = RIGHT.replace("sum(v2)", "max(v2)")
    both = WRONG.replace("x + 1", "1 + x")  # the first step differs but is right
    short = "    return 3\n"
    unparsable = "    return (\n"
    written = [
        JudgedProgram(PROBLEM, PROMPT + body, passed)
        for body, passed in ((RIGHT, True), (WRONG, False), (late, False), (both, False), (short, False))
    ]
    written.append(JudgedProgram(PROBLEM, PROMPT + unparsable, False))
    written.append(JudgedProgram(replace(PROBLEM, solutions=()), PROMPT + WRONG, False))
    # segments: the header, then one a line
    assert known_steps(written, "line", executor) == [4, 2, 3, 2, 1, None, None]


@pytest.mark.needs_sandbox
def test_own_steps_stop_at_the_first_wrong_one(executor: Executor) -> None:
    written = [JudgedProgram(PROBLEM, PROMPT + RIGHT, True), JudgedProgram(PROBLEM, PROMPT + WRONG, False)]
    scored = scorer().programs([("p", PROMPT + RIGHT), ("p", PROMPT + WRONG)])
    found = step_figures(own_steps(written, scored, "line", executor), None)
    assert (found["n"], found["positive"]) == (5, 0.8)  # 3 right ones; 1 right, 1 wrong, the return not counted
    assert found["accuracy"] == found["auroc"] == 1.0


def test_steps_are_scored_once_and_headers_not_at_all() -> None:
    marks = Marks()
    right, wrong, again = scorer(marks).programs([("p", PROMPT + RIGHT), ("p", PROMPT + WRONG), ("p", PROMPT + RIGHT)])
    assert right.probabilities == (None, 0.9, 0.9, 0.9)
    assert wrong.scores == [0.9, 0.1, 0.9]
    assert again == right
    assert marks.scored == 2


def test_programs_of_several_policies_are_scored_once() -> None:
    marks = Marks()
    both = scorer(marks)
    (first,) = both.programs([("p", PROMPT + RIGHT)])
    wrong, again = both.programs([("p", PROMPT + WRONG), ("p", PROMPT + RIGHT)])
    assert again == first != wrong
    assert marks.scored == 2


def test_a_program_that_does_not_parse_or_is_too_long_has_no_scores() -> None:
    long = PROMPT + "    v1 = v0\n" * 30 + "    return v1\n"
    broken, too_long, right = scorer().programs([("p", "def f(:"), ("p", long), ("p", PROMPT + RIGHT)])
    assert broken == ScoredProgram()
    assert too_long.scores == []
    assert right.scores == [0.9, 0.9, 0.9]


def test_a_programs_score_is_product_mean_min_or_last_of_its_steps() -> None:
    found = aggregate(ScoredProgram((), (None, 0.5, 0.2, 0.8)))
    assert found == {"product": pytest.approx(0.08), "mean": pytest.approx(0.5), "min": 0.2, "last": 0.8}
    assert aggregate(ScoredProgram()) == {"product": 0.0, "mean": 0.0, "min": 0.0, "last": 0.0}


def test_reranking_shows_the_product_first() -> None:
    low, high = ScoredProgram((), (0.1, 0.3)), ScoredProgram((), (0.9, 0.05))
    found = reranked([[True, False]], step_scores([[low, high]]))
    assert (found["score"], found["pass@1"], found["by_score"]["min"]["pass@1"]) == ("product", 0.0, 1.0)


def test_reranking_stands_beside_chance_the_ceiling_and_the_policys_own_likelihood() -> None:
    low, high = ScoredProgram((), (0.2,)), ScoredProgram((), (0.8,))
    samples = [[True, False], [False, True], [False, False]]
    scores = step_scores([[high, low], [high, low], [high, low]])
    found = reranked(samples, scores, [[-0.5, -0.1], [-0.5, -0.1], [-0.5, -0.1]])
    assert (found["random"], found["oracle"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    # the PRM takes the first of each, the likelihood the second; each orders one of the two mixed problems rightly
    assert found["by_score"]["product"]["pass@1"] == pytest.approx(1 / 3)
    assert found["by_score"]["log_probability"]["pass@1"] == pytest.approx(1 / 3)
    assert found["by_score"]["mean"]["auroc_within_problems"] == 0.5
    assert list(found["by_score"]) == ["product", "mean", "min", "last", "log_probability"]


def test_step_figures_stand_beside_those_of_the_text_alone() -> None:
    texts = ["    return 1\n", "    return 2\n"]
    baseline = TextClassifier.fit([texts[0], texts[1]] * 20, [True, False] * 20)
    # the text says "1 is right, 2 is wrong"; here it is so in p, and the other way round in q
    steps = [
        JudgedStep(right, 0.9 if right else 0.1, 1.0, "return", problem, text)
        for problem, right, text in (
            ("p", True, texts[0]),
            ("p", False, texts[1]),
            ("q", False, texts[0]),
            ("q", True, texts[1]),
        )
    ]
    found = step_figures(steps, baseline)
    assert (found["auroc"], found["accuracy"], found["false_positive_rate"]) == (1.0, 1.0, 0.0)
    assert {name: found["text"][name] for name in ("auroc", "accuracy", "false_positive_rate")} == {
        "auroc": 0.5,
        "accuracy": 0.5,
        "false_positive_rate": 0.5,
    }
    assert found["vs_text"]["auroc"]["difference"] == 0.5
    low, high = found["vs_text"]["accuracy"]["ci95"]
    assert (low, high) == (0.0, 1.0)  # twice p: no difference; twice q: all of it


def test_shown_problems_take_difficulties_in_turn() -> None:
    levels = ["easy", "easy", "easy", "hard", "medium", "medium"]
    problems = [replace(PROBLEM, id=str(number), difficulty=level) for number, level in enumerate(levels)]
    assert [problem.id for problem in spread(problems, 5)] == ["0", "3", "4", "1", "5"]


def test_a_canonical_program_has_its_variants_behind_its_steps() -> None:
    first, second = "    v1 = [x + 1 for x in v0]\n", "    v2 = [x * 3 for x in v1]\n"
    start = len(PROMPT + first)
    variant = Step(
        problem_id="p",
        segment_index=2,
        start=start,
        end=start + len(second),
        prefix=PROMPT + first,
        segment=second,
        rest="    return sum(v2)\n",
        label="rejected",
        bucket="rejected",
        origin="mutation",
        teacher="rules",
        operator="constant",
        verdict="wrong_answer",
        reason="",
        segment_kind="assign",
    )
    elsewhere = replace(variant, prefix=PROMPT + "    v1 = v0\n")
    (row,) = canonical_rows([PROBLEM], "train", [variant, elsewhere], "line", scorer())
    assert (row["policy"], row["verdict"], row["program"]) == ("canonical", "passed", PROMPT + RIGHT)
    assert [len(part["variants"]) for part in row["segments"]] == [0, 0, 1, 0]
    assert row["segments"][2]["variants"][0] == {
        "text": second,
        "origin": "mutation",
        "operator": "constant",
        "label": "rejected",
        "verdict": "wrong_answer",
        "probability": 0.1,
    }
    (unscored,) = canonical_rows([PROBLEM], "train", [variant], "line", None)
    assert unscored["segments"][2]["variants"][0]["probability"] is None


def test_candidates_survive_json() -> None:
    one = SampledProgram("p", 3, 0.8, "return 'é\\n'")
    assert SampledProgram(**asdict(one)) == one
