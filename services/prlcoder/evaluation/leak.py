"""The leak test: how far a step's text alone, without statement and prefix, reveals its label.

A reward model that does no better than this may have learnt the teachers' style instead of what is right. The
classifier is a logistic regression on hashed n-grams. It is trained on some problems and tested on others. Its success
is traced to the operators that made the steps; the operators that explain it are named.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prlcoder.evaluation.text_classifier import TextClassifier

THRESHOLD = 0.65  # AUROC above which the responsible operators are named
FOLDS = 5
MAX_STEPS = 30_000  # a larger supervision is reduced to randomly drawn whole problems


@dataclass(frozen=True)
class LabelledText:
    """One labelled step without its context. ``operators`` are the rules that made it."""

    problem_id: str
    segment_index: int
    text: str
    right: bool
    origin: str
    operators: tuple[str, ...] = ()


def labelled_texts(rows: Iterable[Mapping[str, Any]]) -> Iterator[LabelledText]:
    """Labelled texts from rows of a supervision's ``steps`` table; steps without a label (survivors) are skipped.
    An operator ``a+b`` stands for two, applied one after the other."""
    for row in rows:
        if row["label"] in ("chosen", "rejected"):
            operators = tuple(part for part in row["operator"].split("+") if part)
            place = (row["problem_id"], row["segment_index"])
            yield LabelledText(*place, row["segment"], row["label"] == "chosen", row["origin"], operators)


COLUMNS = ("problem_id", "segment_index", "segment", "label", "origin", "operator")


@dataclass(frozen=True)
class ScoredTexts:
    """Texts with the scores of a classifier that was trained on other problems."""

    texts: Sequence[LabelledText]
    scores: NDArray[np.float64]


def cross_validated(texts: Iterable[LabelledText]) -> dict[str, Any]:
    """The leak test on one supervision in five folds by problem: each fold is scored by a classifier that was trained
    on the others. Only scores of the same classifier are compared."""
    sampled = _sample_problems(texts)
    fold_of = {text.problem_id: _hash("fold", text.problem_id) % FOLDS for text in sampled}
    parts = []
    for fold in range(FOLDS):
        test = [text for text in sampled if fold_of[text.problem_id] == fold]
        train = [text for text in sampled if fold_of[text.problem_id] != fold]
        if train and test:
            parts.append(_scored(train, test))
    return figures(parts)


def figures(parts: Sequence[ScoredTexts]) -> dict[str, Any]:
    """The figures of the leak test.

    ``auroc`` is over all pairs of a chosen and a rejected step of the same part, ``same_place`` over those of the same
    segment, of which preference pairs are made. ``origins`` and ``operators`` have the AUROC of their own steps
    against all steps of the other label, and that of all steps ``without`` them. ``responsible`` names operators only
    if ``auroc`` exceeds ``threshold``.
    """
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
    """Operators without whose steps the AUROC would not exceed the threshold, chosen greedily by how much their removal
    lowers it. Empty if the AUROC does not exceed the threshold."""
    blamed: list[str] = []
    left = list(parts)
    while (_pairs(left).auroc or 0.0) > THRESHOLD:
        choices = {
            operator: [_leaving_out(operator, part) for part in left]
            for operator in sorted({operator for part in left for text in part.texts for operator in text.operators})
        }
        aurocs = {operator: _pairs(rest).auroc or 0.0 for operator, rest in choices.items()}
        if not aurocs:
            break  # no operator made the steps that are left
        worst = min(aurocs, key=aurocs.__getitem__)
        blamed.append(worst)
        left = choices[worst]
    return blamed


def _leaving_out(operator: str, part: ScoredTexts) -> ScoredTexts:
    kept = [index for index, text in enumerate(part.texts) if operator not in text.operators]
    return ScoredTexts([part.texts[index] for index in kept], part.scores[kept])


@dataclass
class _Pairs:
    """Counts pairs of a chosen and a rejected step: ``all`` of them, and those ``won`` by the chosen step's score (ties
    count half)."""

    won: float = 0.0
    all: int = 0

    @property
    def auroc(self) -> float | None:
        return self.won / self.all if self.all else None

    def add(self, chosen: NDArray[np.float64], rejected: NDArray[np.float64]) -> None:
        """Count every pair of one chosen and one rejected score."""
        ordered = np.sort(rejected)
        below, not_above = (np.searchsorted(ordered, chosen, side) for side in ("left", "right"))
        self.won += float(below.sum() + not_above.sum()) / 2
        self.all += len(chosen) * len(rejected)

    def without(self, other: _Pairs) -> float | None:
        """The AUROC over the pairs that are not in ``other``."""
        return _Pairs(self.won - other.won, self.all - other.all).auroc


def _pairs(parts: Sequence[ScoredTexts]) -> _Pairs:
    total = _Pairs()
    for part in parts:
        right = _is_right(part.texts)
        total.add(part.scores[right], part.scores[~right])
    return total


def _groups(parts: Sequence[ScoredTexts], total: _Pairs) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows by (origin, label) and by (operator, label)."""
    found: dict[str, dict[tuple[str, bool], _Pairs]] = {"origin": defaultdict(_Pairs), "operator": defaultdict(_Pairs)}
    sizes: defaultdict[tuple[str, str, bool], int] = defaultdict(int)
    for part in parts:
        right = _is_right(part.texts)
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
    """AUROC over pairs of the same segment of the same problem; every pair has the same weight."""
    pairs = _Pairs()
    for part in parts:
        places: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for index, text in enumerate(part.texts):
            places[text.problem_id, text.segment_index].append(index)
        for indices in places.values():
            right, scores = _is_right([part.texts[index] for index in indices]), part.scores[indices]
            pairs.add(scores[right], scores[~right])
    return {"pairs": pairs.all, "auroc": pairs.auroc}


def _scored(train: Sequence[LabelledText], test: Sequence[LabelledText]) -> ScoredTexts:
    return scored(classifier(train), test)


def classifier(train: Iterable[LabelledText]) -> TextClassifier:
    """The text-only baseline, fitted to at most ``MAX_STEPS`` of these steps."""
    sampled = _sample_problems(train)
    return TextClassifier.fit([text.text for text in sampled], [text.right for text in sampled])


def scored(baseline: TextClassifier, test: Sequence[LabelledText]) -> ScoredTexts:
    """Texts with the baseline's scores; it must not have been trained on their problems."""
    return ScoredTexts(test, baseline.margins([text.text for text in test]))


def _sample_problems(texts: Iterable[LabelledText]) -> list[LabelledText]:
    """The texts of whole problems, in an order hashed from their ids, up to ``MAX_STEPS`` steps but at least one
    problem."""
    by_problem: defaultdict[str, list[LabelledText]] = defaultdict(list)
    for text in texts:
        by_problem[text.problem_id].append(text)
    sampled: list[LabelledText] = []
    for id in sorted(by_problem, key=lambda id: _hash("some", id)):
        if sampled and len(sampled) + len(by_problem[id]) > MAX_STEPS:
            break
        sampled += by_problem[id]
    return sampled


def _is_right(texts: Sequence[LabelledText]) -> NDArray[np.bool_]:
    return np.array([text.right for text in texts], bool)


def _hash(purpose: str, problem_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{purpose}\0{problem_id}".encode()).digest()[:8], "big")
