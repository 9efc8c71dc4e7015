"""Alarms of a training by reinforcement learning: what its log says is going wrong, since when, and what to do.

An alarm changes nothing in the training. It is computed from the rows of the log alone, so that a resumed training has
the alarms of an undisturbed one. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from prlcoder.spec import RlMonitors
from prlcoder.training.rl.monitors import mean

UpdateRow = Mapping[str, Any]
PRM_RISE: Final = 0.02  # of the mean PRM score, a probability; single updates differ by about as much
MIN_LABELS: Final = 10  # right and wrong steps each, below which an AUROC says nothing
MAX_EMPTY: Final = 0.5  # share of programs without a step


@dataclass(frozen=True)
class Alarm:
    """Something that goes wrong since update ``since``. ``what`` has the figures, ``remedy`` says what to do."""

    name: str
    since: int
    what: str
    remedy: str

    @property
    def line(self) -> str:
        """The alarm in one line."""
        return f"alarm {self.name} since update {self.since}: {self.what}; {self.remedy}"

    @property
    def record(self) -> dict[str, Any]:
        """The alarm in a row of the log."""
        return asdict(self)


def active_alarms(rows: Sequence[UpdateRow], settings: RlMonitors) -> list[Alarm]:
    """The alarms after the last of ``rows``. One that the row before it has keeps its beginning."""
    before = {one["name"]: int(one["since"]) for row in rows[-2:-1] for one in row.get("alarms", ())}
    of_policy = [row for row in rows if row["phase"] == "policy"]
    if not of_policy or rows[-1]["phase"] != "policy":
        return []
    now = int(rows[-1]["update"])
    found = ((name, rule(of_policy, settings), remedy) for name, (rule, remedy) in RULES.items())
    return [Alarm(name, before.get(name, now), what, remedy) for name, what, remedy in found if what]


def _reward_hacking(rows: Sequence[UpdateRow], settings: RlMonitors) -> str | None:
    """The mean PRM score has risen and the pass rate has not."""
    window = settings.window
    scored = [row for row in rows if "prm_mean" in row]
    if len(scored) < 2 * window:
        return None
    earlier, later = scored[-2 * window : -window], scored[-window:]
    scores, rates = [[_mean(part, name) for part in (earlier, later)] for name in ("prm_mean", "pass_rate")]
    if scores[1] - scores[0] < PRM_RISE or rates[1] > rates[0]:
        return None
    told = f"the mean PRM score rose from {scores[0]:.3f} to {scores[1]:.3f}"
    return f"{told} and the pass rate went from {rates[0]:.3f} to {rates[1]:.3f}, means of {window} updates each"


def _weak_reward_model(rows: Sequence[UpdateRow], settings: RlMonitors) -> str | None:
    """The newest measurement of the reward model on the policy's own steps is too low."""
    measured = next((row["own_steps"] for row in reversed(rows) if "auroc" in row.get("own_steps", {})), None)
    if measured is None:
        return None
    steps, wrong, area = int(measured["steps"]), int(measured["wrong"]), measured["auroc"]
    if min(wrong, steps - wrong) < MIN_LABELS or area >= settings.min_auroc:
        return None
    return f"the PRM's AUROC on the policy's own steps is {area:.3f} ({steps} steps, {wrong} of them wrong)"


def _entropy_collapse(rows: Sequence[UpdateRow], settings: RlMonitors) -> str | None:
    """The entropy has fallen to a small share of what it was."""
    pair = _first_and_last(rows, "entropy", settings.window)
    if pair is None or pair[1] >= settings.min_entropy * pair[0]:
        return None
    return f"the entropy fell from {pair[0]:.4f} to {pair[1]:.4f} nats per token"


def _comments_grow(rows: Sequence[UpdateRow], settings: RlMonitors) -> str | None:
    """The programs have more lines that do nothing."""
    pairs = [_first_and_last(rows, name, settings.window) for name in ("comment_ratio", "blank_ratio")]
    first, last = (sum(pair[place] for pair in pairs if pair is not None) for place in (0, 1))
    if last - first <= settings.max_comment_growth:
        return None
    return f"comments and blank lines grew from {100 * first:.0f} % to {100 * last:.0f} % of all lines"


def _useless_value_model(rows: Sequence[UpdateRow], settings: RlMonitors) -> str | None:
    """The value model has been worse than a constant for long."""
    last = [row.get("explained_variance") for row in rows[-2 * settings.window :]]
    known = [value for value in last if value is not None]
    if len(known) < 2 * settings.window or max(known) >= 0:
        return None
    return f"the explained variance was negative in each of the last {len(known)} updates, {known[-1]:.3f} in the last"


def _far_from_the_start(rows: Sequence[UpdateRow], settings: RlMonitors) -> str | None:
    """The divergence from the initial policy is too large."""
    last = [row["kl"] for row in rows if "kl" in row][-settings.window :]
    if len(last) < settings.window or mean(last) <= settings.max_kl:
        return None
    return f"the divergence from the initial policy is {mean(last):.3f} nats per token, mean of {len(last)} updates"


def _empty_programs(rows: Sequence[UpdateRow], settings: RlMonitors) -> str | None:
    """Most programs have no step."""
    last = [row["empty"] for row in rows if "empty" in row][-settings.window :]
    if len(last) < settings.window or mean(last) <= MAX_EMPTY:
        return None
    return f"{100 * mean(last):.0f} % of the programs have no step of the policy, mean of {len(last)} updates"


AlarmRule = Callable[[Sequence[UpdateRow], RlMonitors], str | None]
"""What a rule finds in the policy's rows: a sentence with the figures, or None."""
RULES: Final[Mapping[str, tuple[AlarmRule, str]]] = {
    "reward-hacking": (
        _reward_hacking,
        "look at the rollouts in the report; give `verdict` more weight, use `credit: {rule: gated}`, or let the "
        "reward model learn from the policy's newest programs (`rl.rewardModel.refreshEvery`)",
    ),
    "weak-reward-model": (
        _weak_reward_model,
        "the process reward says little about these programs; train the reward model on the policy's own steps "
        "(`rl.rewardModel.refreshEvery`, or `supervision.teachers: [{kind: policy}]`), or reward verdicts alone",
    ),
    "entropy-collapse": (
        _entropy_collapse,
        "the policy writes the same program again and again; lower learningRate, raise rl.temperature or "
        "rl.kl.coefficient",
    ),
    "comments": (
        _comments_grow,
        "lines that do nothing are rewarded; use `credit: {rule: mean}`, or give `verdict` more weight",
    ),
    "value-model": (
        _useless_value_model,
        "advantages are noise; raise rl.value.pretrainUpdates or rl.value.learningRate, or set algorithm to rloo",
    ),
    "divergence": (_far_from_the_start, "raise rl.kl.coefficient, or lower learningRate"),
    "empty-programs": (
        _empty_programs,
        "look at the samples in the report; lower learningRate, and check the prompt template and the stop strings",
    ),
}
"""The alarms by name: their rule and the remedy."""


def changes(before: UpdateRow | None, after: UpdateRow) -> Iterator[str]:
    """Lines for the log: the alarms of ``after`` that begin, and those of ``before`` that are over."""
    known = {one["name"] for one in (before or {}).get("alarms", ())}
    now = {one["name"]: Alarm(**one) for one in after.get("alarms", ())}
    yield from (alarm.line for name, alarm in now.items() if name not in known)
    yield from (f"alarm {name} is over at update {after['update']}" for name in sorted(known - now.keys()))


def _mean(rows: Sequence[UpdateRow], name: str) -> float:
    return mean([row[name] for row in rows])


def _first_and_last(rows: Sequence[UpdateRow], name: str, window: int) -> tuple[float, float] | None:
    """The means of the first and of the last ``window`` updates; None before there are that many more."""
    values = [row[name] for row in rows if name in row]
    return (mean(values[:window]), mean(values[-window:])) if len(values) >= 2 * window else None
