"""The reward model's section: its figures, calibration, and accuracy by position and kind of step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from prlcoder.evaluation.leak_table import verdict
from prlcoder.report import charts, names
from prlcoder.report.records import Accuracy, Leak, LeakGroup, StepFigures, TextFigures
from prlcoder.report.scales import percent
from prlcoder.report.supervision import Bar

HEADINGS = (
    "steps",
    "AUROC",
    "within problems",
    "accuracy, %",
    "constant answer, %",
    "wrong steps accepted, %",
    "calibration error",
)
DEFAULT_BENCHMARK = "held-out"  # titles do not name it
PROGRAMS = "_programs"  # in the names of sets on which an outcome reward model was measured
MAX_OPERATORS_SHOWN = 12


@dataclass(frozen=True)
class Measured:
    """One set of steps on which the reward model was measured: its figures under ``HEADINGS``, and a sentence that says
    what they mean."""

    title: str
    figures: tuple[str, ...]
    verdict: str
    plots: tuple[tuple[str, Markup], ...]
    kinds: tuple[Bar, ...]
    operators: tuple[Bar, ...] = ()


def measured_sets(
    benchmark: str, step_figures: Mapping[str, StepFigures], leak: Leak | None = None
) -> tuple[Measured, ...]:
    """The sets of one benchmark: labelled steps with the leak test, then the steps of each policy. Each set is
    followed by the text-only baseline on the same steps. The outcome reward model's sets of programs come last."""
    outcomes = {_policy(name): found for name, found in step_figures.items() if PROGRAMS in name}
    policies = {_policy(name): name for name in step_figures if PROGRAMS not in name}
    found: list[Measured] = []
    for policy in names.ordered({*policies, *([""] if leak else [])}, ("", *names.POLICIES)):
        figures = step_figures.get(policies.get(policy, ""))
        if figures is not None:
            found.append(measured(_title(policy, benchmark), figures))
        if not policy and leak is not None and leak.auroc is not None:
            found.append(leaked(benchmark, leak, figures))
        elif figures is not None and figures.text is not None:
            found.append(text_alone(figures, figures.text))
    order = names.ordered(outcomes, ("", *names.POLICIES))
    return (*found, *(measured_programs(_programs_title(policy, benchmark), outcomes[policy]) for policy in order))


def _policy(name: str) -> str:
    """The policy in a name such as ``own_steps/base``; empty for the labelled steps."""
    return next((part for part in name.split("/") if part in names.POLICIES), "")


def _title(policy: str, benchmark: str) -> str:
    on = "" if benchmark == DEFAULT_BENCHMARK else f" for {benchmark}"
    return f"Steps that {names.policy(policy)} wrote{on}" if policy else f"Labelled steps of {benchmark} problems"


def _programs_title(policy: str, benchmark: str) -> str:
    on = "" if benchmark == DEFAULT_BENCHMARK else f" for {benchmark}"
    written = f"whole programs that {names.policy(policy)} wrote{on}"
    return f"ORM: {written if policy else f'labelled whole programs of {benchmark} problems'}"


def measured_programs(title: str, figures: StepFigures) -> Measured:
    """The row of one set of whole programs, which have no position and no kind."""
    return measured(title, figures.model_copy(update={"by_position": {}, "by_kind": {}}))


def text_alone(figures: StepFigures, text: TextFigures) -> Measured:
    """The row of the text-only baseline, with the paired difference to the reward model."""
    shown = (
        f"{figures.n:,}",
        _decimal(text.auroc),
        _decimal(text.auroc_within_problems),
        percent(text.accuracy),
        percent(figures.majority),
        _percent(text.false_positive_rate),
        _decimal(text.ece),
    )
    return Measured("The text of these steps alone", shown, against_text(figures), (), ())


def against_text(figures: StepFigures) -> str:
    """How far the PRM's AUROC is from the text's, with the paired interval."""
    found = figures.vs_text.get("auroc")
    if found is None:
        return ""
    low, high = found.ci95
    return f"PRM’s AUROC against it: {found.difference:+.3f} ({low:+.3f} to {high:+.3f})".replace("-", "−")


def leaked(benchmark: str, leak: Leak, figures: StepFigures | None) -> Measured:
    """The row of the leak test, which is the text-only baseline on the labelled steps."""
    place = f"{_decimal(leak.same_place.auroc)} over the {leak.same_place.pairs:,} pairs of the same segment"
    judged = f"{verdict(leak.auroc, leak.threshold, leak.responsible)}; {place}"
    shown = (f"{leak.steps:,}", _decimal(leak.auroc), *["–"] * (len(HEADINGS) - 2))
    if figures is not None and figures.text is not None:
        row = text_alone(figures, figures.text)
        shown, judged = row.figures, f"{row.verdict}; {judged}" if row.verdict else judged
    title = f"Leak test: the text of {benchmark} steps alone"
    return Measured(title, shown, judged, (), (), operator_bars(leak.operators))


def operator_bars(operators: Sequence[LeakGroup]) -> tuple[Bar, ...]:
    """The operators whose removal would lower the AUROC most, each with the AUROC of its own steps."""
    told = [group for group in operators if group.auroc is not None and group.without is not None]
    told.sort(key=lambda group: (group.without or 0.0, group.operator, group.label))
    return tuple(
        Bar(
            f"{names.plain(group.operator)} ({group.label})",
            _decimal(group.auroc),
            f"{group.n:,}",
            charts.bar(
                group.auroc or 0.0, "rejected", f"{group.operator}: AUROC {_decimal(group.auroc)} on {group.n:,} steps"
            ),
        )
        for group in told[:MAX_OPERATORS_SHOWN]
    )


def measured(title: str, figures: StepFigures) -> Measured:
    """The row and the details of one set of steps."""
    shown = (
        f"{figures.n:,}",
        _decimal(figures.auroc),
        _decimal(figures.auroc_within_problems),
        percent(figures.accuracy),
        percent(figures.majority),
        _percent(figures.false_positive_rate),
        _decimal(figures.ece),
    )
    return Measured(title, shown, judgement(figures), tuple(_plots(title, figures)), kind_bars(figures.by_kind))


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else percent(value)


def judgement(figures: StepFigures) -> str:
    """One sentence that compares the accuracy with that of a constant answer."""
    gain = figures.accuracy - figures.majority
    constant = f"always answering “{'right' if figures.positive >= 0.5 else 'wrong'}”"
    if gain > 0:
        return f"{100 * gain:.1f} points more accurate than {constant}"
    return f"no more accurate than {constant}; the scores may still rank steps"


def _plots(title: str, figures: StepFigures) -> Iterator[tuple[str, Markup]]:
    if figures.calibration:
        bins = [(one.probability, one.right) for one in figures.calibration]
        yield "Calibration", charts.reliability(bins, f"{title}: share right by predicted probability")
    if figures.by_position:
        places = sorted((int(key), group) for key, group in figures.by_position.items())
        points = tuple((10.0 * place + 5.0, group.accuracy) for place, group in places)
        series = [charts.Series("policy", "accuracy", points), charts.Series("policy", "accuracy", points, mark="dots")]
        told = f"{title}: accuracy by position in the program"
        yield "Accuracy by position", charts.line_plot(series, "position in the program, %", "accuracy", told)


def kind_bars(groups: Mapping[str, Accuracy]) -> tuple[Bar, ...]:
    """Accuracy by kind of segment, the most frequent kind first."""
    order = sorted(groups.items(), key=lambda entry: -entry[1].n)
    return tuple(
        Bar(
            names.plain(kind),
            f"{percent(group.accuracy, 0)} %",
            f"{group.n:,}",
            charts.bar(group.accuracy, "policy", f"{kind}: accuracy {percent(group.accuracy)} % on {group.n:,} steps"),
        )
        for kind, group in order
    )
