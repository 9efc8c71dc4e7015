"""The leak test: how far a step's text alone, without statement and prefix, betrays its label.

A reward model that scores no better than this may have learnt the teachers' style instead of what is right. The
classifier is logistic regression on hashed n-grams, trained on some problems and asked about others. What it finds is
traced to the operators that made the steps: an operator whose steps are told apart from those of the other label too
well is named.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prlcoder.evaluation.logistic import fit, margin
from prlcoder.evaluation.text_features import sparse_rows

THRESHOLD = 0.65  # above it the operators responsible are named
FOLDS = 5
MOST_STEPS = 30_000  # of a larger supervision, whole problems are drawn up to this many steps
INVERSE_PENALTY = 10.0


@dataclass(frozen=True)
class LabelledText:
    """One labelled step without its surroundings. ``operators`` are the rules that made it."""

    problem_id: str
    segment_index: int
    text: str
    right: bool
    origin: str
    operators: tuple[str, ...] = ()


def labelled_texts(rows: Iterable[Mapping[str, Any]]) -> Iterator[LabelledText]:
    """From the columns of a supervision's ``steps`` table; steps without a label (survivors) are left out. ``a+b``
    names two operators, one applied after the other."""
    for row in rows:
        if row["label"] in ("chosen", "rejected"):
            operators = tuple(part for part in row["operator"].split("+") if part)
            place = (row["problem_id"], row["segment_index"])
            yield LabelledText(*place, row["segment"], row["label"] == "chosen", row["origin"], operators)


COLUMNS = ("problem_id", "segment_index", "segment", "label", "origin", "operator")


@dataclass(frozen=True)
class ScoredTexts:
    """Texts with the scores of one classifier that has seen none of their problems."""

    texts: Sequence[LabelledText]
    scores: NDArray[np.float64]


def held_out(train: Iterable[LabelledText], test: Sequence[LabelledText]) -> dict[str, Any]:
    """The test on given sides. ``train`` must not hold problems of ``test``."""
    return figures([_scored(_some(train), test)])


def cross_validated(texts: Iterable[LabelledText]) -> dict[str, Any]:
    """The test on one supervision: problems are divided into five, each fifth is asked about by a classifier that was
    trained on the others. Only scores of the same classifier are compared."""
    some = _some(texts)
    fold_of = {text.problem_id: _draw("fold", text.problem_id) % FOLDS for text in some}
    parts = []
    for fold in range(FOLDS):
        test = [text for text in some if fold_of[text.problem_id] == fold]
        train = [text for text in some if fold_of[text.problem_id] != fold]
        if train and test:
            parts.append(_scored(train, test))
    return figures(parts)


def figures(parts: Sequence[ScoredTexts]) -> dict[str, Any]:
    """``auroc`` over all pairs of a chosen and a rejected step of the same part; ``same_place`` over those of the same
    segment, which is what preference pairs are made of; ``origins`` and ``operators`` with the AUROC of their own
    steps against all of the other label, and that of everything ``without`` them. ``responsible`` names operators
    only where ``auroc`` exceeds ``threshold``."""
    total = _pairs(parts)
    by_origin, by_operator = _groups(parts, total)
    return {
        "auroc": total.auroc,
        "threshold": THRESHOLD,
        "steps": sum(len(part.texts) for part in parts),
        "chosen": sum(text.right for part in parts for text in part.texts),
        "problems": len({text.problem_id for part in parts for text in part.texts}),
        "same_place": _same_place(parts),
        "origins": by_origin,
        "operators": by_operator,
        "responsible": responsible(parts),
    }


def responsible(parts: Sequence[ScoredTexts]) -> list[str]:
    """The fewest operators, taken one by one by how much their removal lowers the AUROC, without whose steps it would
    not exceed the threshold. Empty if it does not anyway."""
    blamed: list[str] = []
    left = list(parts)
    while (_pairs(left).auroc or 0.0) > THRESHOLD:
        choices = {
            operator: [_leaving_out(operator, part) for part in left]
            for operator in sorted({operator for part in left for text in part.texts for operator in text.operators})
        }
        aurocs = {operator: _pairs(rest).auroc or 0.0 for operator, rest in choices.items()}
        if not aurocs:
            break  # what leaks is not the work of an operator
        worst = min(aurocs, key=aurocs.__getitem__)
        blamed.append(worst)
        left = choices[worst]
    return blamed


def _leaving_out(operator: str, part: ScoredTexts) -> ScoredTexts:
    kept = [index for index, text in enumerate(part.texts) if operator not in text.operators]
    return ScoredTexts([part.texts[index] for index in kept], part.scores[kept])


@dataclass
class _Pairs:
    """Pairs of a chosen and a rejected step, and how many of them the scores put in order (ties count half)."""

    won: float = 0.0
    all: int = 0

    @property
    def auroc(self) -> float | None:
        return self.won / self.all if self.all else None

    def add(self, chosen: NDArray[np.float64], rejected: NDArray[np.float64]) -> None:
        """Count all pairs of the two."""
        ordered = np.sort(rejected)
        below, not_above = (np.searchsorted(ordered, chosen, side) for side in ("left", "right"))
        self.won += float(below.sum() + not_above.sum()) / 2
        self.all += len(chosen) * len(rejected)

    def without(self, other: _Pairs) -> float | None:
        """The AUROC of those that are not ``other``'s."""
        return _Pairs(self.won - other.won, self.all - other.all).auroc


def _pairs(parts: Sequence[ScoredTexts]) -> _Pairs:
    total = _Pairs()
    for part in parts:
        right = _right(part.texts)
        total.add(part.scores[right], part.scores[~right])
    return total


def _groups(parts: Sequence[ScoredTexts], total: _Pairs) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows by (origin, label) and by (operator, label)."""
    found: dict[str, dict[tuple[str, bool], _Pairs]] = {"origin": defaultdict(_Pairs), "operator": defaultdict(_Pairs)}
    sizes: defaultdict[tuple[str, str, bool], int] = defaultdict(int)
    for part in parts:
        right = _right(part.texts)
        members: defaultdict[tuple[str, str, bool], list[int]] = defaultdict(list)
        for index, text in enumerate(part.texts):
            members["origin", text.origin, text.right].append(index)
            for operator in set(text.operators):
                members["operator", operator, text.right].append(index)
        for (kind, name, chosen), indices in members.items():
            sizes[kind, name, chosen] += len(indices)
            own, others = part.scores[indices], part.scores[right != chosen]
            found[kind][name, chosen].add(*((own, others) if chosen else (others, own)))
    rows: dict[str, list[dict[str, Any]]] = {}
    for kind, groups in found.items():
        rows[kind] = [
            {
                kind: name,
                "label": "chosen" if chosen else "rejected",
                "n": sizes[kind, name, chosen],
                "auroc": pairs.auroc,
                "without": total.without(pairs),
            }
            for (name, chosen), pairs in groups.items()
        ]
        rows[kind].sort(key=lambda row: (-row["n"], row[kind], row["label"]))
    return rows["origin"], rows["operator"]


def _same_place(parts: Sequence[ScoredTexts]) -> dict[str, Any]:
    """AUROC over pairs of the same segment of the same problem, every pair counting alike."""
    pairs = _Pairs()
    for part in parts:
        places: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for index, text in enumerate(part.texts):
            places[text.problem_id, text.segment_index].append(index)
        for indices in places.values():
            right, scores = _right([part.texts[index] for index in indices]), part.scores[indices]
            pairs.add(scores[right], scores[~right])
    return {"pairs": pairs.all, "auroc": pairs.auroc}


def _scored(train: Sequence[LabelledText], test: Sequence[LabelledText]) -> ScoredTexts:
    weights = fit(sparse_rows([text.text for text in train]), _right(train), INVERSE_PENALTY)
    return ScoredTexts(test, margin(sparse_rows([text.text for text in test]), weights))


def _some(texts: Iterable[LabelledText]) -> list[LabelledText]:
    """Whole problems in an order drawn from their ids, up to ``MOST_STEPS`` steps; at least one."""
    by_problem: defaultdict[str, list[LabelledText]] = defaultdict(list)
    for text in texts:
        by_problem[text.problem_id].append(text)
    some: list[LabelledText] = []
    for id in sorted(by_problem, key=lambda id: _draw("some", id)):
        if some and len(some) + len(by_problem[id]) > MOST_STEPS:
            break
        some += by_problem[id]
    return some


def _right(texts: Sequence[LabelledText]) -> NDArray[np.bool_]:
    return np.array([text.right for text in texts], bool)


def _draw(purpose: str, problem_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{purpose}\0{problem_id}".encode()).digest()[:8], "big")
