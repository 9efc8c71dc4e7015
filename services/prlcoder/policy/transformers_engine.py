"""Samples completions with ``transformers`` alone: the engine that runs everywhere, including a laptop's CPU.

The random numbers of a sample depend on (seed, prompt index, sample index) and not on its batch, so the same call gives
the same completions. Each prompt is read once for all of its samples.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from prlcoder.modeling.checkpoints import Checkpoint, load
from prlcoder.modeling.spans import encode
from prlcoder.policy.decoding import Decoding, choose, uniforms
from prlcoder.policy.protocol import Likelihood, mean_log_probability
from prlcoder.policy.sampling import Finish, Piece, Sampling, Unread, repeated, settled, without_stop
from prlcoder.problems.prompts import ModelInput
from prlcoder.telemetry.progress import Progress

INTERVAL_TOKENS = 8  # between two searches for a stop text, and between two pieces of a stream
# Finished rows are removed from the cache when at most this share of its rows still writes. Removing copies the rest.
COMPACTION_SHARE = 0.75
# All rows of a batch are padded to its longest prompt, and every token that a row writes reads the padding again. A
# batch takes no prompt that needs more padding than this, and than half of the longest.
MAX_PADDING_TOKENS = 256


@dataclass
class SampleRow:
    """One sample in progress. ``limit`` is the number of tokens that it may write."""

    prompt: int
    sample: int
    prompt_ids: list[int]
    limit: int
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    text: str = ""  # complete once ``finish`` is set
    finish: Finish | None = None


class TransformersEngine:
    """A causal language model in memory, from a folder, a hub id or a loaded checkpoint."""

    def __init__(self, model: str | Checkpoint, *, batch_size: int = 128, max_new_tokens: int = 512) -> None:
        checkpoint = load(model) if isinstance(model, str) else model
        self.tokenizer: Any = checkpoint.tokenizer
        self.max_length: int = checkpoint.max_length
        self._model: Any = checkpoint.model
        self._batch_size = batch_size
        self._max_new_tokens = max_new_tokens
        self._ends = checkpoint.ends

    def generate_with_likelihoods(
        self, prompts: Sequence[Any], *, samples: int, temperature: float, seed: int, stop: Sequence[str] = ()
    ) -> list[list[Likelihood]]:
        """The completions of ``generate``, each with its mean token log-probability."""
        sampling = Sampling(
            samples=samples, temperature=temperature, seed=seed, stop=tuple(stop), log_probabilities=True, whole=True
        )
        found = [[Likelihood("", None)] * samples for _ in prompts]
        with Progress("generate", total=len(prompts) * samples, unit="samples") as progress:
            for piece in self.stream(prompts, sampling):
                if isinstance(piece, Piece):
                    found[piece.prompt][piece.sample] = Likelihood(
                        piece.text, mean_log_probability(piece.log_probabilities)
                    )
                    progress.advance(tokens=len(piece.log_probabilities))
        return found

    def generate(
        self,
        prompts: Sequence[str | ModelInput],
        *,
        samples: int,
        temperature: float,
        seed: int,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """``samples`` completions per prompt, without the EOS or the stop text that ended them.

        ``temperature`` 0 is greedy: one completion is computed and repeated. A completion also ends at
        ``max_new_tokens`` or at the model's context length, whichever comes first.
        """
        sampling = Sampling(samples=samples, temperature=temperature, seed=seed, stop=tuple(stop))
        texts = [[""] * sampling.drawn for _ in prompts]
        with Progress("generate", total=len(prompts) * sampling.drawn, unit="samples") as progress:
            for batch in self._batches(self._rows(prompts, sampling)):
                counted = 0
                for _ in self._complete(batch, sampling):
                    written = sum(len(row.ids) for row in batch)
                    progress.advance(0, tokens=written - counted)
                    counted = written
                for row in batch:
                    texts[row.prompt][row.sample] = row.text
                progress.advance(len(batch))
        return [found * samples if temperature == 0 else found for found in texts]

    def stream(self, prompts: Sequence[str | ModelInput], sampling: Sampling) -> Generator[Piece | Unread, None, None]:
        """All samples of all prompts in pieces; the samples of a batch are interleaved.

        The texts equal those of ``generate``. Closing the iterator ends the work.
        """
        rows = self._rows(prompts, sampling)
        for prompt in dict.fromkeys(row.prompt for row in rows if row.limit <= 0):
            tokens = next(len(row.prompt_ids) for row in rows if row.prompt == prompt)
            yield Unread(prompt, tokens, self.max_length)
        for batch in self._batches(rows):
            sent = [_Sent() for _ in batch]
            with closing(self._complete(batch, sampling)) as steps:
                for _ in steps:
                    for row, progress in zip(batch, sent, strict=True):
                        if sampling.whole and row.finish is None:
                            continue
                        if piece := progress.piece(row, self._settled(row, sampling.stop)):
                            yield from repeated(piece, sampling)

    def _rows(self, prompts: Sequence[str | ModelInput], sampling: Sampling) -> list[SampleRow]:
        """All rows, those of long prompts first; the samples of one prompt stay together."""
        most = self._max_new_tokens if sampling.max_tokens is None else sampling.max_tokens
        encoded = [encode(self.tokenizer, prompt).ids for prompt in prompts]
        rows = [
            SampleRow(prompt, sample, ids, min(most, self.max_length - len(ids)))
            for prompt, ids in enumerate(encoded)
            for sample in range(sampling.drawn)
        ]
        return sorted(rows, key=lambda row: -len(row.prompt_ids))

    def _batches(self, rows: Sequence[SampleRow]) -> Iterator[list[SampleRow]]:
        """The rows that have room for a token, in batches. The rows come with the longest prompts first."""
        batch: list[SampleRow] = []
        for row in rows:
            if row.limit <= 0:
                continue
            longest = len(batch[0].prompt_ids) if batch else 0
            padding = longest - len(row.prompt_ids)
            if len(batch) == self._batch_size or padding > max(MAX_PADDING_TOKENS, longest // 2):
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    @torch.inference_mode()
    def _complete(self, rows: Sequence[SampleRow], sampling: Sampling) -> Generator[None, None, None]:
        """Write all rows to their ends. Yields after every ``INTERVAL_TOKENS`` tokens and at the end."""
        prompts = {row.prompt: row.prompt_ids for row in rows}
        steps = max(row.limit for row in rows)
        seed = secrets.randbits(63) if sampling.seed is None else sampling.seed % 2**64
        chances = None
        if sampling.temperature > 0:
            chances = uniforms([(sampling.first_prompt + row.prompt, row.sample) for row in rows], seed, steps)
        # Each distinct prompt is read once; ``take`` then repeats its states for all of its samples.
        decoding = Decoding(self._model, list(prompts.values()), self.tokenizer.pad_token_id or 0)
        numbers = {prompt: number for number, prompt in enumerate(prompts)}
        decoding.take(torch.tensor([numbers[row.prompt] for row in rows]))
        held = np.arange(len(rows))  # index into ``rows`` for each line of the cache
        open_ = np.ones(len(rows), dtype=bool)  # lines of the cache that still write
        for step in range(steps):
            tokens = choose(decoding.logits, sampling, None if chances is None else chances[held, step])
            self._append([rows[number] for number in held.tolist()], open_, tokens, decoding.logits, sampling)
            at_interval = step % INTERVAL_TOKENS == INTERVAL_TOKENS - 1
            if at_interval and sampling.stop:
                self._end_at_stops([rows[number] for number in held[open_].tolist()], sampling.stop)
            open_ = np.array([rows[number].finish is None for number in held.tolist()])
            if not open_.any():
                break
            if at_interval:
                yield
            if open_.sum() <= COMPACTION_SHARE * len(open_):
                kept = torch.from_numpy(np.flatnonzero(open_)).to(tokens.device)
                held, tokens, open_ = held[open_], tokens[kept], open_[open_]
                decoding.take(kept)
            decoding.advance(tokens)
        yield

    def _append(
        self,
        rows: Sequence[SampleRow],
        open_: np.ndarray[Any, Any],
        tokens: torch.Tensor,
        logits: torch.Tensor,
        sampling: Sampling,
    ) -> None:
        """Append a token to each open row, and finish the rows that it ends."""
        chosen = None
        if sampling.log_probabilities:
            scale = sampling.temperature if sampling.at_temperature and sampling.temperature else 1.0
            chosen = torch.log_softmax(logits.float() / scale, dim=-1).gather(-1, tokens[:, None])[:, 0].tolist()
        for line, (row, token, writes) in enumerate(zip(rows, tokens.tolist(), open_, strict=True)):
            if not writes:
                continue
            row.ids.append(token)
            if chosen is not None:
                row.log_probabilities.append(chosen[line])
            if token in self._ends or len(row.ids) == row.limit:
                self._finish(row, sampling.stop)

    def _end_at_stops(self, rows: Sequence[SampleRow], stop: Sequence[str]) -> None:
        """Finish the rows whose text contains a stop text. The whole text is searched: one may span several tokens."""
        for row in rows:
            if any(word in self._text(row, len(row.ids)) for word in stop):
                self._finish(row, stop)

    def _finish(self, row: SampleRow, stop: Sequence[str]) -> None:
        """Set the row's text and the reason why it ended; drop the tokens after the one that completes a stop text."""
        whole = self._text(row, len(row.ids) - (row.ids[-1] in self._ends))
        row.text = without_stop(whole, stop)
        row.finish = "stop" if row.ids[-1] in self._ends or row.text != whole else "length"
        if row.text != whole:
            enough = next(
                count for count in range(1, len(row.ids) + 1) if any(word in self._text(row, count) for word in stop)
            )
            del row.ids[enough:], row.log_probabilities[enough:]

    def _settled(self, row: SampleRow, stop: Sequence[str]) -> str:
        return row.text if row.finish else settled(self._text(row, len(row.ids)), stop)

    def _text(self, row: SampleRow, count: int) -> str:
        """The text that the row's first ``count`` tokens add to its prompt.

        They are decoded behind the prompt's last tokens, because some tokenizers drop the space before a first word.
        Control tokens that the model writes stay visible: without them, a text could look like another program.
        """
        tail = row.prompt_ids[-4:]
        before = self.tokenizer.decode(tail)
        text: str = self.tokenizer.decode(tail + row.ids[:count])
        return text[len(before) :]


@dataclass
class _Sent:
    """How much of a row the stream has sent."""

    characters: int = 0
    tokens: int = 0
    finished: bool = False

    def piece(self, row: SampleRow, text: str) -> Piece | None:
        """The part of the row that has not been sent yet; None if there is none."""
        if self.finished or (row.finish is None and len(row.ids) == self.tokens):
            return None
        piece = Piece(
            row.prompt,
            row.sample,
            text[self.characters :],
            tuple(row.ids[self.tokens :]),
            tuple(row.log_probabilities[self.tokens :]),
            row.finish,
        )
        self.characters, self.tokens = max(self.characters, len(text)), len(row.ids)
        self.finished = row.finish is not None
        return piece
