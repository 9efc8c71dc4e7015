"""The names that a reader of the report sees, and the order in which things appear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextvars import ContextVar

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
ALGORITHMS = {
    "dpo": POLICIES["policy"],
    "ppo": ("PPO", "the base after reinforcement learning by PPO on its own programs"),
    "rloo": ("RLOO", "the base after reinforcement learning by RLOO on its own programs"),
    "grpo": ("GRPO", "the base after reinforcement learning by GRPO on its own programs"),
}
STAGES = {
    "pretrain": "Pre-training",
    "supervise": "Supervision",
    "sft": "Supervised fine-tuning",
    "reward": "Reward model",
    "policy": "Policy (step-DPO)",
    "evaluate": "Evaluation",
}


_algorithm: ContextVar[str] = ContextVar("algorithm", default="dpo")


def trained_by(algorithm: str) -> None:
    """Set the algorithm of the run that is being drawn: the trained policy is named for it."""
    _algorithm.set(algorithm)


def _named(name: str) -> tuple[str, str]:
    if name == "policy":
        return ALGORITHMS.get(_algorithm.get(), (_algorithm.get(), ""))
    return POLICIES.get(name, (name, ""))


def policy(name: str) -> str:
    """A policy's short name; an unknown policy keeps its own."""
    return _named(name)[0]


def policy_meaning(name: str) -> str:
    """One line that says how a policy was made; empty for an unknown policy."""
    return _named(name)[1]


def stage(name: str) -> str:
    """A stage's name as a heading."""
    if name == "policy" and _algorithm.get() != "dpo":
        return f"Policy ({policy(name)})"
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
