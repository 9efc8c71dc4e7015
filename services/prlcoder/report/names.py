"""The names that a reader of the report sees, and the order in which things appear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

VERDICTS = ("passed", "wrong_answer", "runtime_error", "timeout", "compile_error")
LEVELS = ("easy", "medium", "hard")
CONTROLS = ("sft", "nll", "rft")
POLICIES = {
    "base": ("Base", "the policy before any of this run's training"),
    "policy": ("Step-DPO", "the base after step-level DPO on the supervision's pairs"),
    "sft": ("SFT", "control: the base fine-tuned on canonical solutions of the training problems"),
    "nll": ("NLL", "control: likelihood of the same pairs' chosen segments, without the contrast"),
    "rft": ("RFT", "control: the base fine-tuned on its own programs that pass"),
}
STAGES = {
    "pretrain": "Pre-training",
    "supervise": "Supervision",
    "sft": "Supervised fine-tuning",
    "reward": "Reward model",
    "policy": "Policy (step-DPO)",
    "evaluate": "Evaluation",
}


def policy(name: str) -> str:
    """A policy's short name; an unknown policy keeps its own."""
    return POLICIES[name][0] if name in POLICIES else name


def policy_meaning(name: str) -> str:
    """One line that says how a policy was made; empty for an unknown policy."""
    return POLICIES[name][1] if name in POLICIES else ""


def stage(name: str) -> str:
    """A stage's name as a heading."""
    return STAGES.get(name, name)


def selector(kind: str) -> str:
    """What chooses among samples by the score ``kind``.

    >>> selector("product"), selector("outcome")
    ('the PRM (product of its steps)', 'the ORM')
    """
    return {"outcome": "the ORM", "log_probability": "its own log-probability"}.get(
        kind, f"the PRM ({plain(kind)} of its steps)"
    )


def plain(word: str) -> str:
    """``wrong_answer`` as ``wrong answer``."""
    return word.replace("_", " ")


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def ordered(found: Iterable[str], first: Iterable[str]) -> list[str]:
    """The names in ``found``: those of ``first`` in its order, then the others alphabetically."""
    left = set(found)
    known = [name for name in first if name in left]
    return known + sorted(left.difference(known))
