"""From character offsets to token positions: where steps end, and which tokens a step's log-probability covers.

A whole program is tokenised once, together with its prompt (``docs/reference/contracts.md#1``). A prefix or a step
tokenised alone would give token sequences that the policy never sees. Some tokenizers merge a newline with the text
before it (``":\\n"`` in cl100k, Qwen, Llama 3), others with the text after it (``"\\n   "`` in GPT-2, StarCoder).
Every position is therefore found from the offset of a visible character, which has one place in both families.
This module is pure: it uses no tensors and does no I/O.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from prlcoder.errors import InputError
from prlcoder.problems.prompts import ModelInput, Prompt
from prlcoder.segmenter.model import Segment

Offsets = Sequence[tuple[int, int]]  # of each token in the text: first character, and the one after the last
Tokenizer = Any  # a ``transformers.PreTrainedTokenizerFast``; its package has no types
MAX_CHECKED_PROMPTS = 32


@dataclass(frozen=True)
class Encoded:
    """A tokenised text. Token ``i`` begins at character ``starts[i]``, in code points; ``starts`` never decreases."""

    ids: list[int]
    starts: list[int]

    def token_at(self, character: int) -> int:
        """Index of the token that contains a character; the last one if the character needs several tokens.

        >>> Encoded(ids=[11, 12, 13, 14], starts=[0, 3, 3, 4]).token_at(3)
        2
        """
        return bisect_right(self.starts, character) - 1


@dataclass(frozen=True)
class _OrdinaryBackends:
    """Copies of a tokenizer's backend that read the names of control tokens as ordinary text.

    ``first`` is for the beginning of a text. ``later`` is for the text after a control token, before which some
    tokenizers put no space.
    """

    first: Any
    later: Any


@dataclass(frozen=True)
class PairSpans:
    """The token ids of the two sides of a preference pair; each side ends with its last compared token.

    ``chosen[:start]`` equals ``rejected[:start]``, and ``chosen[start:]`` and ``rejected[start:]`` are the compared
    tokens. ``segment_start`` is the index of the token with the segments' first character; the likelihood of the whole
    chosen segment begins there.
    """

    chosen: list[int]
    rejected: list[int]
    start: int
    segment_start: int


def encode(tokenizer: Tokenizer, text: str | ModelInput) -> Encoded:
    """Tokens of ``text`` with their offsets.

    Control tokens are read where a ``ModelInput`` says so; in a plain string they are read everywhere.

    A BOS is put first if the tokenizer adds one and the text does not begin with it already, as texts from a chat
    template do. Nothing is added at the end. Raises ``InputError`` if the tokenizer has no character offsets.
    """
    (encoded,) = encode_all(tokenizer, [text])
    return encoded


def encode_all(tokenizer: Tokenizer, texts: Sequence[str | ModelInput]) -> list[Encoded]:
    """``encode`` for each text. One call for all takes a third of the time, as the tokenizer then uses every core."""
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(
            f"tokenizer {tokenizer.name_or_path}: has no character offsets; use a model with a fast tokenizer "
            "(a tokenizer.json)"
        )
    if not texts:
        return []
    inputs = [ModelInput(text, ((0, len(text)),)) if isinstance(text, str) else text for text in texts]
    batch = tokenizer(
        [one.text for one in inputs], add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    bos, control_ids = _leading_bos(tokenizer), _control_ids(tokenizer)
    return [
        _encoded(one.text, *_with_ordinary_text(tokenizer, one, ids, offsets, control_ids), bos)
        for one, ids, offsets in zip(inputs, batch["input_ids"], batch["offset_mapping"], strict=True)
    ]


def _with_ordinary_text(
    tokenizer: Tokenizer, given: ModelInput, ids: list[int], offsets: Offsets, control_ids: frozenset[int]
) -> tuple[list[int], Offsets]:
    """The tokens with control tokens only where they are allowed.

    Control tokens divide a text before anything else happens to it, so the parts between them are tokenised apart. Most
    texts contain no control token outside of the allowed spans and keep the tokens that they have.
    """
    found = [(start, end, id) for id, (start, end) in zip(ids, offsets, strict=True) if id in control_ids]
    allowed = [one for one in found if any(a <= one[0] and one[1] <= b for a, b in given.control)]
    if len(allowed) == len(found):
        return ids, offsets
    backends = _ordinary_backends(tokenizer)
    new_ids: list[int] = []
    new_offsets: list[tuple[int, int]] = []
    position = 0
    for start, end, id in [*allowed, (len(given.text), len(given.text), None)]:
        backend = backends.first if position == 0 else backends.later
        part = backend.encode(given.text[position:start], add_special_tokens=False)
        new_ids += part.ids
        new_offsets += [(position + a, position + b) for a, b in part.offsets]
        if id is not None:
            new_ids.append(id)
            new_offsets.append((start, end))
        position = end
    return new_ids, new_offsets


@lru_cache(maxsize=8)
def _control_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """Ids of the control tokens. Added tokens that are ordinary text, such as runs of spaces, are not among them."""
    added = getattr(tokenizer, "added_tokens_decoder", {})
    return frozenset(id for id, token in added.items() if token.special)


@lru_cache(maxsize=8)
def _ordinary_backends(tokenizer: Tokenizer) -> _OrdinaryBackends:
    from tokenizers import Tokenizer as Backend

    file = tokenizer.backend_tokenizer.to_str()
    backends = [
        Backend.from_str(text) for text in (file, file.replace('"prepend_scheme":"first"', '"prepend_scheme":"never"'))
    ]
    for backend in backends:
        backend.no_padding()
        backend.no_truncation()
        backend.encode_special_tokens = True
    return _OrdinaryBackends(*backends)


def _encoded(text: str, ids: list[int], offsets: Offsets, bos: int | None) -> Encoded:
    starts: list[int] = []
    covered = 0  # characters of the text that the tokens so far stand for
    for start, end in offsets:
        # Offsets can leave characters out. Whitespace that was left out belongs to the token that follows it. Other
        # characters were composed with the one before them (an accent, the parts of a Hangul syllable) and belong to
        # its token.
        while starts and covered < start and not text[covered].isspace():
            covered += 1
        starts.append(min(start, covered))
        covered = max(covered, end)
    if bos is not None and ids[:1] != [bos]:
        return Encoded([bos, *ids], [0, *starts])
    return Encoded(ids, starts)


def _leading_bos(tokenizer: Tokenizer) -> int | None:
    """The BOS id if this tokenizer puts one before every text, else None."""
    bos: int | None = tokenizer.bos_token_id
    return bos if bos is not None and tokenizer("", verbose=False)["input_ids"][:1] == [bos] else None


def encode_program(tokenizer: Tokenizer, prompt: Prompt, program: str) -> Encoded:
    """Tokens of prompt, whole program, closing and EOS: the sequence that supervised fine-tuning learns."""
    (encoded,) = encode_programs(tokenizer, [(prompt, program)])
    return encoded


def encode_programs(tokenizer: Tokenizer, programs: Sequence[tuple[Prompt, str]]) -> list[Encoded]:
    """``encode_program`` for each (prompt, whole program)."""
    inputs = [prompt.input(program) for prompt, program in programs]
    return [
        Encoded([*encoded.ids, tokenizer.eos_token_id], [*encoded.starts, len(one.text)])
        for encoded, one in zip(encode_all(tokenizer, inputs), inputs, strict=True)
    ]


def completion_start(encoded: Encoded, prompt: Prompt) -> int:
    """Index of the first token that the policy writes: the token of the first character after the question."""
    return encoded.token_at(len(prompt.question.text))


def segment_end_token(encoded: Encoded, program_start: int, program: str, end: int) -> int:
    """T_p of the segment that ends at ``program[:end]``: the token with its last character that is not whitespace.

    The final newline cannot mark the end: in the family of GPT-2 it shares a token with the next line's indentation,
    and a score read there would already depend on the next step.
    """
    visible = len(program[:end].rstrip()) or end  # a program that begins with blank lines has no visible character yet
    return encoded.token_at(program_start + visible - 1)


def segment_end_tokens(encoded: Encoded, prompt: Prompt, program: str, segments: Sequence[Segment]) -> list[int]:
    """T_p of every segment of ``program``; ``encoded`` are the tokens of ``prompt.whole(program)``."""
    return [segment_end_token(encoded, prompt.program_start, program, segment.end) for segment in segments]


def pair_spans(
    tokenizer: Tokenizer, prompt: Prompt, *, prefix: str, chosen: str, rejected: str, rest: str
) -> PairSpans | None:
    """The compared tokens of a pair; None if both whole programs are the same tokens.

    They begin with the first token in which the two programs differ. They end with the token that contains each
    segment's final newline, or with EOS if nothing follows the segment. Each side has at least one compared token: if
    one segment is the beginning of the other, the first differing token lies behind the shorter one, and that token is
    where the policy departs.
    """
    sides = []
    for segment in (chosen, rejected):
        encoded = encode_program(tokenizer, prompt, prefix + segment + rest)
        end = len(encoded.ids) - 1
        if rest:
            end = encoded.token_at(prompt.program_start + len(prefix) + len(segment) - 1)
        sides.append((encoded.ids, end))
    (left, left_end), (right, right_end) = sides
    start = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), None)
    if start is None:  # both end with EOS, so two sides that agree up to the shorter one are equal
        return None
    # The segment's first character may share a token with the text before it; both sides then have the same tokens
    # up to ``start``, so either side's offsets may be used.
    first = min(start, encoded.token_at(prompt.program_start + len(prefix)))
    return PairSpans(left[: max(left_end, start) + 1], right[: max(right_end, start) + 1], start, first)


def check_template(tokenizer: Tokenizer, template: str, prompts: Sequence[Prompt], solutions: Sequence[str]) -> None:
    """Raises ``InputError`` if a prompt alone is not tokenised as the beginning of prompt and solution.

    Generation tokenises the prompt alone and training tokenises it with a solution; both must give the same tokens.
    The first ``MAX_CHECKED_PROMPTS`` prompts are checked.
    """
    for prompt, solution in list(zip(prompts, solutions, strict=True))[:MAX_CHECKED_PROMPTS]:
        alone = encode(tokenizer, prompt.question).ids
        together = encode(tokenizer, prompt.input(solution)).ids
        if together[: len(alone)] != alone:
            at = next((i for i, (a, b) in enumerate(zip(alone, together, strict=False)) if a != b), len(together))
            raise InputError(
                f"model.promptTemplate: {template}: with this tokenizer ({tokenizer.name_or_path}) the end of a prompt "
                f"merges with the beginning of its solution ({tokenizer.decode(alone[at:])!r} alone, "
                f"{tokenizer.decode(together[at : at + 3])!r} in a program), so training and generation would see "
                "different tokens; use another template"
            )
