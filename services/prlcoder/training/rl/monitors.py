"""What a training by reinforcement learning is watched by: figures of an update's programs and of the reward model.

They tell a policy that solves more problems from one that has learnt what its reward model likes. Nothing in the
training depends on them. Pure functions of rollouts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt

from prlcoder.prm.calibration import auroc
from prlcoder.training.rollouts import Rollout

LabelledScore = tuple[float, bool]
"""The probability that the reward model gave a step, and whether the step is right."""


def program_figures(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Means over programs: tokens, segments, how the lowest step lies, and shares of lines.

    ``lowest_step_last`` is the share of scored programs with several steps whose lowest step is the last. A reward
    model that has become an outcome model has a high one. ``empty`` is the share of programs without any step of the
    policy.
    """
    written = [_written_lines(one) for one in rollouts]
    return {
        "length": mean([len(one.completion_ids) for one in rollouts]),
        "segments": mean([len(one.segments) for one in rollouts]),
        "lowest_step_last": _lowest_step_last(rollouts),
        "comment_ratio": mean([_share(lines, _is_comment) for lines in written]),
        "blank_ratio": mean([_share(lines, _is_blank) for lines in written]),
        "empty": mean([not one.written_steps for one in rollouts]),
    }


def labelled_scores(rollouts: Sequence[Rollout]) -> list[LabelledScore]:
    """The scored steps whose label is known by execution.

    All steps of a passing program are right. In a failing one whose first wrong step was located, the steps before it
    are right, that one is wrong, and nothing is known about those after it.
    """
    found: list[LabelledScore] = []
    for one in rollouts:
        scores = one.step_scores or ()
        if one.outcome.passed:
            found += [(score, True) for score in scores if score is not None]
        elif one.first_wrong_step is not None:
            known = scores[: one.first_wrong_step + 1]
            found += [(score, place < one.first_wrong_step) for place, score in enumerate(known) if score is not None]
    return found


def step_figures(steps: Sequence[LabelledScore]) -> dict[str, float]:
    """How well the reward model tells right steps from wrong ones.

    ``false_positive_rate`` is the share of wrong steps with a probability of at least 0.5. It is missing if no step is
    wrong, and ``auroc`` is missing if all steps are right or all are wrong.
    """
    wrong = [score for score, right in steps if not right]
    figures: dict[str, float] = {"steps": len(steps), "wrong": len(wrong)}
    if (area := auroc(steps)) is not None:
        figures["auroc"] = area
    if wrong:
        figures["false_positive_rate"] = sum(score >= 0.5 for score in wrong) / len(wrong)
    return figures


def deviations(components: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The standard deviation over programs of each component of the reward, and of their total."""
    named = {name for one in components for name in one}
    columns = {name: [one.get(name, 0.0) for one in components] for name in sorted(named)}
    columns["total"] = [sum(one.values()) for one in components]
    return {name: _deviation(values) for name, values in columns.items()}


def mean(values: Sequence[float]) -> float:
    """The mean, 0 of no values."""
    return sum(values) / len(values) if values else 0.0


def _deviation(values: Sequence[float]) -> float:
    middle = mean(values)
    return sqrt(mean([(value - middle) ** 2 for value in values]))


def _lowest_step_last(rollouts: Sequence[Rollout]) -> float:
    scored = [
        [score for score in one.step_scores if score is not None] for one in rollouts if one.step_scores is not None
    ]
    return mean([scores.index(min(scores)) == len(scores) - 1 for scores in scored if len(scores) > 1])


def _written_lines(one: Rollout) -> list[str]:
    """The lines of the program from the first that the policy wrote."""
    first = min((line for line in one.token_lines if line is not None), default=1)
    return one.program.splitlines()[first - 1 :]


def _is_comment(line: str) -> bool:
    """A line inside a string that begins with ``#`` counts, too; it is rare."""
    return line.lstrip().startswith("#")


def _is_blank(line: str) -> bool:
    return not line.strip()


def _share(lines: Sequence[str], holds: Callable[[str], bool]) -> float:
    return mean([holds(line) for line in lines])
