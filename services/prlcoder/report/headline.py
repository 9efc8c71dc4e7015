"""The sentences at the top of the page, computed from the figures and never stronger than they are.

They give the change from base to policy with its paired interval, and say so if the interval contains zero; how each
control did against the policy, also if it did better; and whether the PRM helps to choose among samples.
"""

from __future__ import annotations

from dataclasses import dataclass

from prlcoder.evaluation.intervals import paired_difference
from prlcoder.report import names
from prlcoder.report.inputs import Samples
from prlcoder.report.records import PolicyScore, Summary
from prlcoder.report.scales import percent, points


@dataclass(frozen=True)
class Headline:
    """The figures and sentences. ``after`` and ``difference`` are None if the run trained no policy."""

    before: float
    after: float | None
    after_name: str
    difference: float | None
    ci95: tuple[float, float] | None
    n: int
    sentences: tuple[str, ...]


def headline(summary: Summary, samples: Samples) -> Headline | None:
    """The headline of one run; None if its base was not evaluated. If DPO was not run, a control takes its place."""
    base = summary.policies.get("base")
    if base is None:
        return None
    name = next((each for each in ("policy", *names.CONTROLS) if each in summary.policies), None)
    if name is None:
        passes = f"The base passes {percent(base.pass_at_1)} % of {base.n} {summary.benchmark} problems"
        only = f"{passes}; no policy was trained."
        return Headline(base.pass_at_1, None, "", None, None, base.n, (only,))
    after = summary.policies[name]
    paired = after.vs_base
    sentences = [change(base, after, names.policy(name), summary.benchmark)]
    if name == "policy":
        sentences += controls(summary.policies, samples)
    sentences += judging(after, names.policy(name))
    return Headline(
        before=base.pass_at_1,
        after=after.pass_at_1,
        after_name=names.policy(name),
        difference=paired.difference if paired else after.pass_at_1 - base.pass_at_1,
        ci95=paired.ci95 if paired else None,
        n=after.n,
        sentences=tuple(sentences),
    )


def change(base: PolicyScore, after: PolicyScore, name: str, benchmark: str) -> str:
    """The change from base to policy in one sentence."""
    moved = f"from {percent(base.pass_at_1)} % to {percent(after.pass_at_1)} %"
    if after.vs_base is None:
        return f"{name} took {benchmark} pass@1 {moved}; there is no paired interval, so it may be chance."
    low, high = after.vs_base.ci95
    interval = f"95 % interval {points(low)} to {points(high)}, paired over {after.n} problems"
    size = f"{points(after.vs_base.difference)} points"
    if low > 0:
        return f"{name} raised {benchmark} pass@1 {moved}: {size} ({interval})."
    if high < 0:
        return f"{name} lowered {benchmark} pass@1 {moved}: {size} ({interval})."
    return (
        f"{name} took {benchmark} pass@1 {moved}: {size}, which may be chance: the interval contains zero ({interval})."
    )


def controls(policies: dict[str, PolicyScore], samples: Samples) -> list[str]:
    """One sentence on all controls, grouped by whether they did better than the policy, as well, or worse."""
    groups: dict[str, list[str]] = {"better": [], "level": [], "worse": []}
    for name in names.CONTROLS:
        if name in policies:
            groups[standing(name, policies, samples)].append(
                f"{names.policy(name)} ({percent(policies[name].pass_at_1)} %)"
            )
    said = {
        "better": f"did better than {names.policy('policy')}",
        "level": "did as well, as far as the intervals tell",
        "worse": "did worse",
    }
    clauses = [f"{names.listed(found)} {said[group]}" for group, found in groups.items() if found]
    return [f"Of the controls, {'; '.join(clauses)}."] if clauses else []


def judging(after: PolicyScore, name: str) -> list[str]:
    """One sentence on whether the reward model helps to choose among the policy's samples."""
    reranked = after.best_of_n
    if reranked is None or not reranked.by_score:
        return []
    kind, score = next(iter(reranked.by_score.items()))
    if score.vs_sampled is None:
        return []
    low, high = score.vs_sampled.ci95
    said = "raises" if low > 0 else "lowers" if high < 0 else "does not measurably change"
    change = f"{points(score.vs_sampled.difference)} points, {points(low)} to {points(high)}"
    return [f"Taking the best of {reranked.n} samples by {names.selector(kind)} {said} {name}’s pass@1 ({change})."]


def standing(name: str, policies: dict[str, PolicyScore], samples: Samples) -> str:
    """``better``, ``level`` or ``worse`` than the policy: by the paired interval over the greedy programs if both were
    run on the same problems, otherwise by whether the two policies' own intervals overlap."""
    ours, theirs = samples.greedy.get("policy", {}), samples.greedy.get(name, {})
    if ours and ours.keys() == theirs.keys():
        _, low, high = paired_difference([theirs[key] for key in ours], [ours[key] for key in ours])
    else:
        policy, control = policies["policy"], policies[name]
        (a, b), (c, d) = policy.ci95 or (0.0, 1.0), control.ci95 or (0.0, 1.0)
        low, high = c - b, d - a
    return "better" if low > 0 else "worse" if high < 0 else "level"
