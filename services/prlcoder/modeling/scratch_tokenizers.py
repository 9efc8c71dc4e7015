"""Tokenizers for models from scratch. They are trained on the texts that the model will read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prlcoder.errors import InputError

PAD, EOS, UNKNOWN = "<pad>", "<eos>", "<unk>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}### Response:\n{{ message['content'] }}{{ eos_token }}"
    "{% else %}### Instruction:\n{{ message['content'] }}\n\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}"
)
# One piece is a newline, an indentation level, a word or a run of punctuation with the space before it, or one digit.
# Tokens never merge across pieces, so a newline and every digit are always separate tokens.
NANO_PIECES = r"\n| {4}| ?[A-Za-z_]+|[0-9]| ?[!-/:-@\[-^`{-~]+| "
NANO_VOCABULARY = 400
SMALL_VOCABULARY = 4096
PRINTABLE_ASCII = ["\n", *(chr(code) for code in range(32, 127))]


def nano_tokenizer(texts: Iterable[str]) -> Any:
    """BPE over printable ASCII with an isolating pre-tokenizer (``NANO_PIECES``), 400 tokens.

    Raises ``InputError`` if the texts contain other characters; the preset ``small`` is for those.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    texts = list(texts)
    if foreign := sorted(set().union(*texts) - set(PRINTABLE_ASCII)):
        raise InputError(
            f"model.scratch.preset: nano: its alphabet is printable ASCII, but the problems contain {foreign[0]!r}; "
            "use `small`"
        )
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(NANO_PIECES), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=NANO_VOCABULARY,
            special_tokens=[PAD, EOS, UNKNOWN],
            initial_alphabet=PRINTABLE_ASCII,
            show_progress=False,
        ),
    )
    return _wrap(tokenizer, unk_token=UNKNOWN)


def small_tokenizer(texts: Iterable[str]) -> Any:
    """Byte-level BPE of at most 4,096 tokens, for any text.

    Newlines merge with the punctuation before them, and the whitespace before a word stays apart from the newline, as
    in cl100k. A prompt may therefore end in a newline.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    pieces = r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|[\r\n]+|[^\S\r\n]+(?=\S)|\s"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pieces), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=SMALL_VOCABULARY,
            special_tokens=[PAD, EOS],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return _wrap(tokenizer)


def _wrap(tokenizer: Any, **special: str) -> Any:
    """The tokenizer as a ``transformers`` class that adds no tokens, cleans no text up, and pads on the left."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        clean_up_tokenization_spaces=False,
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
        model_input_names=["input_ids", "attention_mask"],
        **special,
    )
