"""Charts as inline SVG: pure functions from numbers to markup.

There are two families. *Strips* (intervals, bars, stacked bars, time lines) are one row high and as wide as their box
(lengths in per cent), so that their labels can be HTML beside them and stay readable at any width. *Plots* have two
axes and a fixed drawing size. Colours come from classes in style.css, so that a page can be light or dark. Every number
that a mark shows is also given as text beside it or in its ``<title>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from prlcoder.report.scales import across, number, position, ticks

Point = tuple[float, float]
STRIP_HEIGHT = 22  # pixels
INTERVAL_HEIGHT = 46  # pixels; the height of a table row of two lines, so that the rules join


def _join(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def _strip(marks: Iterable[Markup], label: str, height: int = STRIP_HEIGHT) -> Markup:
    return Markup('<svg class="strip" width="100%" height="{}" role="img" aria-label="{}">{}</svg>').format(
        height, label, _join(marks)
    )


def _rules(places: Iterable[float]) -> list[Markup]:
    line = Markup('<line class="rule" x1="{0}" x2="{0}" y1="0" y2="100%"/>')
    return [line.format(across(place)) for place in places]


def interval(value: float, ci95: tuple[float, float] | None, axis: Sequence[float], name: str, label: str) -> Markup:
    """A dot with its 95 % interval over the axis ``[axis[0], axis[-1]]``, with a rule at each axis value."""
    low, high = axis[0], axis[-1]
    middle = INTERVAL_HEIGHT / 2
    marks = _rules(position(tick, low, high) for tick in axis)
    if ci95 is not None:
        marks.append(
            Markup('<line class="whisker {}" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(
                name, across(position(ci95[0], low, high)), across(position(ci95[1], low, high)), y=middle
            )
        )
    marks.append(
        Markup('<circle class="dot {}" cx="{}" cy="{}" r="5"/>').format(
            name, across(position(value, low, high)), middle
        )
    )
    return _strip(marks, label, INTERVAL_HEIGHT)


def axis_labels(axis: Sequence[float], texts: Sequence[str]) -> Markup:
    """The axis values under a column of strips; the outer ones are aligned inwards so that no text is cut off."""
    anchors = ["start", *["middle"] * (len(axis) - 2), "end"] if len(axis) > 1 else ["start"]
    label = Markup('<text class="tick" x="{}" y="12" text-anchor="{}">{}</text>')
    marks = [
        label.format(across(position(value, axis[0], axis[-1])), anchor, text)
        for value, anchor, text in zip(axis, anchors, texts, strict=True)
    ]
    return Markup('<svg class="strip" width="100%" height="16" aria-hidden="true">{}</svg>').format(_join(marks))


def bar(
    share: float, name: str, label: str, ci95: tuple[float, float] | None = None, height: int = STRIP_HEIGHT
) -> Markup:
    """A bar of length ``share`` of its box (0 to 1), with the whiskers of its interval if there is one."""
    middle = height / 2
    marks = [
        Markup('<rect class="track" x="0" width="100%" y="{}" height="{}" rx="2"/>').format(4, height - 8),
        Markup('<rect class="bar {}" x="0" width="{}" y="4" height="{}" rx="2"/>').format(
            name, across(min(max(share, 0.0), 1.0)), height - 8
        ),
    ]
    if ci95 is not None:
        marks.append(
            Markup('<line class="error" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(
                across(ci95[0]), across(ci95[1]), y=middle
            )
        )
    return _strip(marks, label, height)


def stacked(parts: Sequence[tuple[str, float]], total: float, label: str) -> Markup:
    """Bars laid end to end. ``parts`` are (class, amount); ``total`` is the amount that fills the box."""
    marks, start = [], 0.0
    for name, amount in parts:
        if amount > 0 and total > 0:
            rect = Markup('<rect class="part {}" x="{}" width="{}" y="3" height="{}"><title>{}</title></rect>')
            title = f"{name.replace('_', ' ')}: {number(amount)}"
            marks.append(rect.format(name, across(start / total), across(amount / total), STRIP_HEIGHT - 6, title))
        start += amount
    return _strip(marks, label)


def span(start: float, end: float, total: float, label: str) -> Markup:
    """A bar from ``start`` to ``end`` on a line of length ``total``: one row of a time line."""
    left, right = position(start, 0.0, total), position(end, 0.0, total)
    track = Markup('<line class="rule" x1="0" x2="100%" y1="{y}" y2="{y}"/>').format(y=STRIP_HEIGHT / 2)
    rect = Markup('<rect class="bar policy" x="{}" width="{}" y="5" height="{}" rx="2"/>').format(
        across(left), across(max(right - left, 0.003)), STRIP_HEIGHT - 10
    )
    return _strip([track, rect], label)


@dataclass(frozen=True)
class Series:
    """Points of one line. ``name`` is the class that colours it and the text that the reader sees."""

    name: str
    label: str
    points: tuple[Point, ...]
    mark: Literal["line", "dots"] = "line"


@dataclass(frozen=True)
class Frame:
    """The drawing of a plot: size, margins, and the ranges of its axes."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = 340
    height: int = 196
    left: int = 44
    right: int = 12
    top: int = 22
    bottom: int = 36

    def at(self, point: Point) -> Point:
        """Drawing coordinates of a point, clipped to the frame."""
        across_x = self.left + position(point[0], *self.x) * (self.width - self.left - self.right)
        down_y = self.top + (1 - position(point[1], *self.y)) * (self.height - self.top - self.bottom)
        return round(across_x, 1), round(down_y, 1)


def _axes(frame: Frame, x_label: str, y_label: str) -> list[Markup]:
    floor_y, end_x = frame.height - frame.bottom, frame.width - frame.right
    marks = []
    for value in ticks(*frame.y, count=4):
        y = frame.at((frame.x[0], value))[1]
        marks.append(Markup('<line class="rule" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(frame.left, end_x, y=y))
        text = Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>')
        marks.append(text.format(frame.left - 6, y + 4, number(value)))
    for value in ticks(*frame.x, count=5):
        x = frame.at((value, frame.y[0]))[0]
        anchor = "end" if x > end_x - 12 else "middle"
        text = Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>')
        marks.append(text.format(x, floor_y + 15, anchor, number(value)))
    marks.append(Markup('<text class="unit" x="0" y="11">{}</text>').format(y_label))
    marks.append(
        Markup('<text class="unit" x="{}" y="{}" text-anchor="end">{}</text>').format(end_x, frame.height - 4, x_label)
    )
    return marks


def _curve(frame: Frame, series: Series) -> Markup:
    places = [frame.at(point) for point in series.points]
    if series.mark == "dots" or len(places) == 1:
        dot = Markup('<circle class="dot {}" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>')
        titles = [f"{series.label} {number(y)} at {number(x)}" for x, y in series.points]
        return _join(dot.format(series.name, x, y, title) for (x, y), title in zip(places, titles, strict=True))
    path = " ".join(f"{'M' if index == 0 else 'L'}{x:g} {y:g}" for index, (x, y) in enumerate(places))
    return Markup('<path class="curve {}" d="{}"/>').format(series.name, path)


def _plot(frame: Frame, marks: Iterable[Markup], label: str) -> Markup:
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        frame.width, frame.height, label, _join(marks)
    )


def line_plot(series: Sequence[Series], x_label: str, y_label: str, label: str, floor: float | None = None) -> Markup:
    """Lines and dots over one pair of axes. ``floor`` pins the lower end of the y axis (0 for shares)."""
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    low = min(ys) if floor is None else floor
    frame = Frame(x=(0.0, max(xs)), y=padded(low, max(ys), pad_below=floor is None))
    return _plot(frame, [*_axes(frame, x_label, y_label), *(_curve(frame, one) for one in series)], label)


def padded(low: float, high: float, pad_below: bool = True) -> tuple[float, float]:
    """The range with a margin of a twentieth on each side; it is never empty."""
    margin = (high - low) * 0.05 or max(abs(high) * 0.05, 0.05)
    return (low - margin if pad_below else low), high + margin


def reliability(bins: Sequence[Point], label: str) -> Markup:
    """Share of right steps against predicted probability, with the diagonal of a calibrated model."""
    frame = Frame(x=(0.0, 1.0), y=(0.0, 1.0), width=340, height=230)
    (x1, y1), (x2, y2) = frame.at((0.0, 0.0)), frame.at((1.0, 1.0))
    diagonal = Markup('<line class="ideal" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(x1, y1, x2, y2)
    line = Series("policy", "share right", tuple(bins))
    dots = Series("policy", "share right", tuple(bins), mark="dots")
    marks = [*_axes(frame, "predicted probability", "share chosen"), diagonal, _curve(frame, line), _curve(frame, dots)]
    return _plot(frame, marks, label)
