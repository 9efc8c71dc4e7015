"""Scores the steps of programs with a process reward model: all steps of all programs of a prompt in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from prlcoder.modeling.packing.tree import Trie, group_by_budget, split_by_branches
from prlcoder.prm.items import ProgramToScore, StepScore, StepSpan
from prlcoder.prm.step_model import StepModel, Tokenised, step_scores
from prlcoder.telemetry.progress import Progress

if TYPE_CHECKING:
    from prlcoder.problems.prompts import Prompt
    from prlcoder.segmenter.model import Segment

__all__ = ["LocalStepScorer", "StepScore"]


class LocalStepScorer:
    """A process reward model in memory. ``model`` is the folder or hub id of a token classifier with two labels."""

    def __init__(self, model: str) -> None:
        self.step_model = StepModel.load(model)
        self.tokenizer: Any = self.step_model.tokenizer

    def score(self, items: Sequence[tuple[Prompt, str, Sequence[Segment]]]) -> list[list[StepScore]]:
        """One score per segment for each (prompt, whole program, segments), in order.

        Programs share batches but never see each other. Raises ``ValueError`` if a program is longer than the model's
        context.
        """
        rows = [
            self.step_model.tokenise(
                ProgramToScore(prompt, program, tuple(StepSpan(part.start, part.end) for part in segments))
            )
            for prompt, program, segments in items
        ]
        scores: list[list[StepScore]] = [[] for _ in rows]
        found = self._in_tries(rows) if self.step_model.reads_tries else self._in_rows(rows)
        with Progress("score", total=len(rows), unit="programs", final=False) as progress:
            for index, odds in found:
                scores[index] = step_scores(rows[index].item, odds)
                progress.advance(tokens=len(rows[index].ids))
        return scores

    def _in_rows(self, rows: Sequence[Tokenised]) -> Iterator[tuple[int, list[float]]]:
        """The index of each item and its log-odds, one row per item."""
        for batch in batches([len(row.ids) for row in rows], self.step_model.batch_tokens):
            yield from zip(batch, self.step_model.odds([rows[index] for index in batch]), strict=True)

    def _in_tries(self, rows: Sequence[Tokenised]) -> Iterator[tuple[int, list[float]]]:
        """The same, with the programs of a prompt in one trie: every shared prefix is read once."""
        budget = self.step_model.batch_tokens
        prompts: dict[str, list[int]] = {}
        for index, row in enumerate(rows):
            if row.ids:
                prompts.setdefault(row.item.prompt.text, []).append(index)
        groups = [
            [members[number] for number in group]
            for members in prompts.values()
            for group in split_by_branches([rows[index].ids for index in members], budget)
        ]
        sizes = [len(Trie.of([rows[index].ids for index in group])) for group in groups]
        for batch in group_by_budget(sizes, budget):
            taken = [groups[number] for number in batch]
            found = self.step_model.odds_in_tries([[rows[index] for index in group] for group in taken])
            for group, odds in zip(taken, found, strict=True):
                yield from zip(group, odds, strict=True)


def batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Groups indexes of similar length into batches, longest first, and skips rows of length 0.

    Rows times the longest row of a batch stay within ``tokens``, unless a single row is longer than that.

    >>> list(batches([5, 1, 4, 0, 2], 10))
    [[0, 2], [4, 1]]
    """
    order = sorted((index for index, length in enumerate(lengths) if length), key=lambda index: lengths[index])
    while order:
        room = max(1, tokens // lengths[order[-1]])
        yield [order.pop() for _ in range(min(len(order), room))]
