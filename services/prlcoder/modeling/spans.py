"""From character offsets to token positions: where steps end, and which tokens a step's log-probability covers.

A whole program is tokenised once, together with its prompt (contracts, section 1): a prefix or a step tokenised by
itself gives token sequences that the policy never sees. Newlines merge with what stands before them in some
tokenizers (``":\\n"`` in cl100k, Qwen, Llama 3) and with what follows in others (``"\\n   "`` in GPT-2, StarCoder), so
every position here is found from the offset of a visible character. Pure: no tensors, no I/O.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prlcoder.errors import InputError
from prlcoder.segmenter.model import Segment

if TYPE_CHECKING:
    from prlcoder.problems.prompts import Prompt

Tokenizer = Any  # a ``transformers.PreTrainedTokenizerFast``; its package has no types
CHECKED_PROMPTS = 32


@dataclass(frozen=True)
class Encoded:
    """A tokenised text: token i begins at character ``starts[i]`` (code points, never decreasing)."""

    ids: list[int]
    starts: list[int]

    def token_at(self, character: int) -> int:
        """Index of the token that holds a character; the last of them where a character needs several tokens."""
        return bisect_right(self.starts, character) - 1


@dataclass(frozen=True)
class PairSpans:
    """The two sides of a preference pair. ``chosen[start:]`` and ``rejected[start:]`` are the compared tokens, what
    stands before ``start`` is common to both; both sides end with the last compared token. ``segment_start`` is the
    token with the segments' first character: a likelihood of the whole chosen segment begins there."""

    chosen: list[int]
    rejected: list[int]
    start: int
    segment_start: int


def encode(tokenizer: Tokenizer, text: str) -> Encoded:
    """Tokens of ``text`` with their offsets. A leading BOS is added where the tokenizer does so and a chat template
    has not; nothing is added at the end. ``InputError`` for a tokenizer that knows no offsets."""
    (encoded,) = encode_all(tokenizer, [text])
    return encoded


def encode_all(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Encoded]:
    """``encode`` of each text, in a third of the time: the tokenizer works on many at once, on every core."""
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(
            f"tokenizer {tokenizer.name_or_path}: has no character offsets; use a model with a fast tokenizer "
            "(a tokenizer.json)"
        )
    if not texts:
        return []
    batch = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    bos = _leading_bos(tokenizer)
    return [_encoded(*one, bos) for one in zip(batch["input_ids"], batch["offset_mapping"], strict=True)]


def _encoded(ids: list[int], offsets: Sequence[tuple[int, int]], bos: int | None) -> Encoded:
    starts, covered = [], 0
    for start, end in offsets:  # what a tokenizer trims belongs to the token that follows
        starts.append(min(start, covered))
        covered = max(covered, end)
    if bos is not None and ids[:1] != [bos]:
        return Encoded([bos, *ids], [0, *starts])
    return Encoded(ids, starts)


def _leading_bos(tokenizer: Tokenizer) -> int | None:
    """The BOS id, if this tokenizer puts one before a text."""
    bos: int | None = tokenizer.bos_token_id
    return bos if bos is not None and tokenizer("", verbose=False)["input_ids"][:1] == [bos] else None


def encode_program(tokenizer: Tokenizer, prompt: Prompt, program: str) -> Encoded:
    """Prompt, whole program, closing and EOS: what supervised fine-tuning learns, and the policy's full output."""
    (encoded,) = encode_programs(tokenizer, [(prompt, program)])
    return encoded


def encode_programs(tokenizer: Tokenizer, programs: Sequence[tuple[Prompt, str]]) -> list[Encoded]:
    """``encode_program`` of each."""
    texts = [prompt.whole(program) for prompt, program in programs]
    return [
        Encoded([*encoded.ids, tokenizer.eos_token_id], [*encoded.starts, len(text)])
        for encoded, text in zip(encode_all(tokenizer, texts), texts, strict=True)
    ]


def completion_start(encoded: Encoded, prompt: Prompt) -> int:
    """Index of the first token that the policy writes: the one that holds the first character after the prompt."""
    return encoded.token_at(len(prompt.text))


def segment_end_token(encoded: Encoded, program_start: int, program: str, end: int) -> int:
    """T_p of the segment that ends at ``program[:end]``: the token with its last non-white-space character."""
    visible = len(program[:end].rstrip()) or end
    return encoded.token_at(program_start + visible - 1)


def segment_end_tokens(encoded: Encoded, prompt: Prompt, program: str, segments: Sequence[Segment]) -> list[int]:
    """T_p of every segment of ``program``, whose first character is ``prompt.whole(program)[program_start]``."""
    return [segment_end_token(encoded, prompt.program_start, program, segment.end) for segment in segments]


def pair_spans(
    tokenizer: Tokenizer, prompt: Prompt, *, prefix: str, chosen: str, rejected: str, rest: str
) -> PairSpans | None:
    """The compared tokens of a pair: from the first token in which the two whole programs differ up to the token that
    holds each segment's final newline, or up to EOS where nothing follows the segment.

    Each side has at least one compared token: where one segment begins with the other, the first differing token lies
    behind the shorter one, and it is there that the policy departs. None if both programs are the same tokens.
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
    if start is None:  # EOS ends both, so equal up to the shorter one means equal
        return None
    first = min(start, encoded.token_at(prompt.program_start + len(prefix)))
    return PairSpans(left[: max(left_end, start) + 1], right[: max(right_end, start) + 1], start, first)


def check_template(tokenizer: Tokenizer, template: str, prompts: Sequence[Prompt], solutions: Sequence[str]) -> None:
    """Refuse a template whose prompts are tokenised differently by themselves (as in generation) and before a
    solution (as in training): ``InputError`` that names the template. The first 32 are looked at."""
    for prompt, solution in list(zip(prompts, solutions, strict=True))[:CHECKED_PROMPTS]:
        alone = encode(tokenizer, prompt.text).ids
        together = encode(tokenizer, prompt.whole(solution)).ids
        if together[: len(alone)] != alone:
            at = next((i for i, (a, b) in enumerate(zip(alone, together, strict=False)) if a != b), len(together))
            raise InputError(
                f"model.promptTemplate: {template}: with this tokenizer ({tokenizer.name_or_path}) the end of a prompt "
                f"merges with the beginning of its solution ({tokenizer.decode(alone[at:])!r} alone, "
                f"{tokenizer.decode(together[at : at + 3])!r} in a program), so training and generation would see "
                "different tokens; use another template"
            )
