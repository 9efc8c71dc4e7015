"""The sentences at the top of the reward-model section: do its scores know more than the text, and does reranking help?

Both are decided by the paired 95 % intervals and are never stronger than these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prlcoder.report import names
from prlcoder.report.records import Difference, PolicyScore, StepFigures, Summary
from prlcoder.report.scales import points

HELD_OUT = "held_out"  # beginning of the name of the labelled steps of held-out problems


def sentences(summary: Summary, step_figures: Mapping[str, StepFigures]) -> tuple[str, ...]:
    """At most one sentence per question; a question without figures gets none."""
    held_out = next((figures for name, figures in step_figures.items() if name.startswith(HELD_OUT)), None)
    return (*beats_text(summary.benchmark, held_out), *reranking(summary))


def beats_text(benchmark: str, figures: StepFigures | None) -> Iterator[str]:
    """Whether the PRM's AUROC exceeds that of the text alone on the labelled held-out steps."""
    found = figures.vs_text.get("auroc") if figures else None
    if figures is None or figures.text is None or found is None or figures.auroc is None:
        return
    low, high = found.ci95
    said = (
        "beats the text alone"
        if low > 0
        else "is worse than the text alone"
        if high < 0
        else "is not measurably better or worse than the text alone"
    )
    interval = f"{found.difference:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}".replace("-", "−")
    yield (
        f"On the {figures.n:,} labelled steps of {benchmark} problems the PRM {said}: AUROC {figures.auroc:.3f} "
        f"against {figures.text.auroc or 0.0:.3f} ({interval})."
    )


def reranking(summary: Summary) -> Iterator[str]:
    """For every policy, whether choosing the best of n samples by the run's reward model helps against a sample drawn
    at random."""
    groups: dict[str, list[str]] = {"raises": [], "lowers": [], "does not measurably change": []}
    n, kind = 0, ""
    for name in names.ordered(summary.policies, names.POLICIES):
        found = first_score(summary.policies[name])
        if found is not None:
            n, kind, change = found
            low, high = change.ci95
            effect = "raises" if low > 0 else "lowers" if high < 0 else "does not measurably change"
            groups[effect].append(
                f"{names.policy(name)} ({points(change.difference)} points, {points(low)} to {points(high)})"
            )
    clauses = [f"{effect} the pass@1 of {names.listed(policies)}" for effect, policies in groups.items() if policies]
    if clauses:
        yield f"Choosing among {n} samples by {names.selector(kind)} {names.listed(clauses)}."


def first_score(score: PolicyScore) -> tuple[int, str, Difference] | None:
    """Samples per problem, name of the first aggregate, and its gain on a random sample; None if not measured."""
    if score.best_of_n is None or not score.best_of_n.by_score:
        return None
    kind, first = next(iter(score.best_of_n.by_score.items()))
    return None if first.vs_sampled is None else (score.best_of_n.n, kind, first.vs_sampled)
