"""Lays out the pass@1 table of a run's ``evaluation/summary.json`` as text. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prlcoder.text import aligned


def pass_table(policies: Mapping[str, Mapping[str, Any]]) -> str:
    """One line per policy: greedy pass@1 and its 95 % interval, the difference to the base, pass@k, best of n."""
    sampled = sorted(
        {k for policy in policies.values() for k in policy.get("sampled", {}) if k.startswith("pass@")}, key=_k_of
    )
    best = sorted({f"best of {policy['best_of_n']['n']}" for policy in policies.values() if "best_of_n" in policy})[:1]
    header = [
        "policy",
        "pass@1",
        "95 % interval",
        "n",
        "vs base",
        "95 % interval",
        *[f"sampled {k}" for k in sampled],
        *best,
    ]
    rows = [[name, *_policy_cells(policy, sampled, bool(best))] for name, policy in policies.items()]
    return aligned([header, *rows])


def _policy_cells(policy: Mapping[str, Any], sampled: list[str], best: bool) -> list[str]:
    versus = policy.get("vs_base")
    gain = ["", ""] if versus is None else [f"{versus['difference']:+.3f}", _interval_text(versus["ci95"], "+.3f")]
    samples = [_number_text(policy.get("sampled", {}).get(k)) for k in sampled]
    reranked = [_number_text(policy.get("best_of_n", {}).get("pass@1"))] if best else []
    return [
        _number_text(policy["pass@1"]),
        _interval_text(policy["ci95"], ".3f"),
        str(policy["n"]),
        *gain,
        *samples,
        *reranked,
    ]


def _interval_text(ends: list[float], form: str) -> str:
    return f"[{ends[0]:{form}}, {ends[1]:{form}}]"


def _number_text(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _k_of(name: str) -> int:
    return int(name.removeprefix("pass@"))
