"""Counts of a supervision: by bucket, origin, verdict, error type, operator, segment kind and difficulty.

The error types are those of the paper's Figure 7. Counts of parts add up, so that a resumed build has the same counts
as an uninterrupted one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from prlcoder.supervision.labelling import Labelled
from prlcoder.supervision.rows import Pair, Step

MAX_ROWS_SHOWN = 24  # of a printed table; the manifest has all rows
BY = ("origin", "teacher", "operator", "segment_kind", "difficulty", "reason")


def error_type(step: Step) -> str:
    """Return the error type of a rejected step: its reason without details (``KeyError: 3`` → ``KeyError``).

    Without a reason it is the verdict. It is empty for a step that passes the given tests.
    """
    if step.bucket != "rejected":
        return ""
    return step.reason.split(":")[0].strip() or step.verdict


def count(labelled: Labelled, pairs: Iterable[Pair], policy: Mapping[str, int]) -> dict[str, Any]:
    """Return the counts of one part of a build as nested dictionaries of integers."""
    difficulty = {v.problem.id: v.problem.difficulty or "unknown" for v in labelled.verified}
    totals: Counter[str] = Counter(
        problems=len(labelled.verified),
        segments=sum(1 for verified in labelled.verified for _ in verified.steps()),
        variants=sum(step.origin in ("mutation", "refactoring") for step in labelled.steps),
        steps=len(labelled.steps),
        chosen=sum(step.label == "chosen" for step in labelled.steps),
        rejected=sum(step.label == "rejected" for step in labelled.steps),
        mutations=sum(step.origin == "mutation" for step in labelled.steps),
        mutations_passing=sum(step.origin == "mutation" and step.bucket != "rejected" for step in labelled.steps),
        mutations_refuted=sum(
            step.origin == "mutation" and step.bucket == "rejected_generated" for step in labelled.steps
        ),
        identical_bytecode=labelled.dropped["identical_bytecode"],
        programs=len(labelled.programs),
        executions=labelled.executions,
        quarantined=len(labelled.quarantine),
        never_executed=labelled.dropped["never_executed"],
    )
    totals.update(policy)
    totals.update(labelled.oracles.counts() if labelled.oracles is not None else {})
    by: dict[str, dict[str, Counter[str]]] = {name: {} for name in BY}
    for step in labelled.steps:
        keys = {
            "origin": step.origin,
            "teacher": step.teacher,
            "operator": step.operator,
            "segment_kind": step.segment_kind,
            "difficulty": difficulty[step.problem_id],
            "reason": error_type(step),
        }
        for name, key in keys.items():
            if key:
                by[name].setdefault(key, Counter())[step.verdict] += 1
    pair_origins: Counter[str] = Counter(pair.rejected_origin for pair in pairs)
    quarantine: Counter[str] = Counter(row["reason"] for row in labelled.quarantine)
    return {
        **totals,
        "pairs": sum(pair_origins.values()),
        **({"teachers": dict(labelled.teachers)} if labelled.teachers else {}),
        "by": {
            **{name: {key: dict(verdicts) for key, verdicts in groups.items()} for name, groups in by.items()},
            "bucket": dict(Counter(step.bucket for step in labelled.steps)),
            "verdict": dict(Counter(step.verdict for step in labelled.steps)),
            "pair_origin": dict(pair_origins),
            "quarantine": dict(quarantine),
        },
    }


def stood_in(labelled: Labelled) -> dict[str, dict[str, list[int]]]:
    """Return, by teacher and problem, the indices of the segments for which another teacher had to propose."""
    result: dict[str, dict[str, list[int]]] = {}
    for teacher, places in labelled.stood_in.items():
        for problem_id, index in places:
            result.setdefault(teacher, {}).setdefault(problem_id, []).append(index)
    return result


def without_steps(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of whole solutions, each labelled as one step: there are programs, but no steps and no
    pairs."""
    by = {name: groups for name, groups in counts["by"].items() if name not in ("segment_kind", "pair_origin")}
    return {**counts, "segments": 0, "steps": 0, "pairs": 0, "by": by}


def add(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sum of two nested dictionaries of numbers, with sorted keys."""
    result: dict[str, Any] = {}
    for key in sorted({*left, *right}):
        ours, theirs = left.get(key), right.get(key)
        if isinstance(ours, Mapping) or isinstance(theirs, Mapping):
            result[key] = add(ours or {}, theirs or {})
        else:
            result[key] = (ours or 0) + (theirs or 0)
    return result


def render(counts: Mapping[str, Any]) -> str:
    """Return the summary that ``prlcoder supervise`` prints."""
    labelled = "steps" if counts.get("steps") else "programs"
    lines = [
        f"{counts.get('problems', 0):,} problems, {counts.get('segments', 0):,} segments, "
        f"{counts.get('variants', 0):,} variants, {counts.get('executions', 0):,} executions",
        f"{counts.get(labelled, 0):,} {labelled}: {counts.get('chosen', 0):,} chosen, "
        f"{counts.get('rejected', 0):,} rejected; {counts.get('pairs', 0):,} pairs; "
        f"{counts.get('quarantined', 0):,} quarantined; {counts.get('never_executed', 0):,} variants were left out, "
        "because no test executes the code that they change",
    ]
    if counts.get("generated_asked"):
        lines += _label_noise(counts)
    if counts.get("policy_samples"):
        lines.append(
            f"policy: {counts['policy_samples']:,} samples, {counts['policy_distinct']:,} distinct, "
            f"{counts['policy_failing']:,} of them failing, first wrong step found in {counts['policy_located']:,}"
        )
    lines += [line for name, told in counts.get("teachers", {}).items() for line in _teacher(name, told, counts)]
    for name in ("bucket", "origin", "reason", "operator", "segment_kind", "difficulty", "quarantine"):
        groups = counts.get("by", {}).get(name) or {}
        if groups:
            lines += ["", *_table(name, groups)]
    return "\n".join(lines)


def _teacher(name: str, told: Mapping[str, Any], counts: Mapping[str, Any]) -> list[str]:
    """Return the tokens and cost of a teacher, in total and per accepted variant (one that became a step)."""
    tokens = told["tokens"]
    accepted = sum(counts["by"].get("teacher", {}).get(name, {}).values())
    each = {kind: f"{number / accepted:,.0f}" if accepted else "no" for kind, number in tokens.items()}
    cost = (
        f"; cost {told['cost']:,.2f}, {told['cost'] / max(accepted, 1):,.4f} per accepted variant"
        if "cost" in told
        else ""
    )
    lines = [
        f"teacher {name}: {told.get('answers', 0):,} answers ({told.get('kept_answers', 0):,} from the cache), "
        f"{told.get('proposed', 0):,} variants proposed, {told.get('fitting', 0):,} valid, {accepted:,} accepted",
        f"tokens: {tokens['prompt']:,} prompt, {tokens['completion']:,} completion ({tokens['reasoning']:,} thinking); "
        f"per accepted variant {each['prompt']}, {each['completion']} ({each['reasoning']}){cost}",
    ]
    if told.get("unfit"):
        reasons = sorted(told["unfit"].items(), key=lambda entry: (-entry[1], entry[0]))
        lines.append("not used: " + ", ".join(f"{reason.replace('_', ' ')} {number:,}" for reason, number in reasons))
    if told.get("stood_in"):
        lines.append(f"the rule teacher stood in at {told['stood_in']:,} segments (stood_in in the manifest)")
    return lines


def _label_noise(counts: Mapping[str, Any]) -> list[str]:
    """Return how many of the mutations that pass the given tests are refuted by generated ones."""
    passing, refuted = counts.get("mutations_passing", 0), counts.get("mutations_refuted", 0)
    share = f" ({refuted / passing:.0%})" if passing else ""
    return [
        f"generated tests: {counts['generated_inputs']:,} inputs for {counts['generated_problems']:,} of the "
        f"{counts['generated_asked']:,} problems that have a passing variant",
        f"label noise: {passing:,} of {counts.get('mutations', 0):,} mutations pass the given tests; a generated test "
        f"refutes {refuted:,}{share} of them, {passing - refuted:,} survive",
    ]


def _table(name: str, groups: Mapping[str, Any]) -> list[str]:
    totals = {key: value if isinstance(value, int) else sum(value.values()) for key, value in groups.items()}
    width = max(len(name), *(len(key) for key in totals))
    lines = [f"{name.replace('_', ' '):<{width}}  {'count':>7}  passed"]
    ranked = sorted(totals.items(), key=lambda entry: -entry[1])
    for key, total in ranked[:MAX_ROWS_SHOWN]:
        value = groups[key]
        share = "" if isinstance(value, int) else f"{value.get('passed', 0) / total:6.1%}"
        lines.append(f"{key:<{width}}  {total:>7,}  {share}")
    if len(ranked) > MAX_ROWS_SHOWN:
        lines.append(
            f"and {len(ranked) - MAX_ROWS_SHOWN} more, {sum(total for _, total in ranked[MAX_ROWS_SHOWN:]):,} in all"
        )
    return lines
