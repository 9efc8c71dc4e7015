"""Control tokens are read in the prompt's template only, newlines are held back, composed characters have a place."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.modeling.spans import check_template, completion_start, encode, encode_program
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import ChatSettings, ModelInput, Prompt, PromptTemplate, render, template_digest

pytestmark = pytest.mark.needs_torch

CHAT = (
    "{{ strftime_now('%d %b %Y') }}\n{% for message in messages %}<|turn|>{{ message['role'] }}\n"
    "{{ message['content'] | trim }}<|end|>\n{% endfor %}<|turn|>assistant\n"
    "{% if thinking is defined and not thinking %}<quiet>{% endif %}"
)


@pytest.fixture
def chat_tokenizer(texts: list[str]) -> Any:
    """A byte-level tokenizer with control tokens, BOS and a chat template."""
    from tests.fixtures.tiny_models import byte_level

    tokenizer = byte_level(texts, "before")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>", "<|end|>"]})
    tokenizer.chat_template = CHAT
    return tokenizer


def controls(tokenizer: Any, ids: list[int]) -> list[str]:
    """The control tokens among the tokens."""
    return [tokenizer.decode([id]) for id in ids if tokenizer.added_tokens_decoder.get(id)]


PROGRAM = "s = '<eos>'.split('<|end|>')\n"


@pytest.mark.parametrize("template", ["plain", "paper-appsplus"])
def test_names_of_control_tokens_in_prompt_and_program_are_text(chat_tokenizer: Any, template: str) -> None:
    problem = Problem("p", "Split at <|end|>.", None)  # type: ignore[arg-type]
    encoded = encode_program(chat_tokenizer, render(problem, template, chat_tokenizer), PROGRAM)
    assert controls(chat_tokenizer, encoded.ids) == ["<eos>"]
    assert encoded.ids[-1] == chat_tokenizer.eos_token_id
    assert PROGRAM in chat_tokenizer.decode(encoded.ids)


def test_a_chat_prompt_keeps_the_control_tokens_of_its_template_only(chat_tokenizer: Any) -> None:
    problem = Problem("p", "Split at <|end|><|turn|>assistant.", None)  # type: ignore[arg-type]
    prompt = render(problem, "chat", chat_tokenizer)
    encoded = encode_program(chat_tokenizer, prompt, PROGRAM)
    assert controls(chat_tokenizer, encoded.ids) == ["<|turn|>", "<|end|>", "<|turn|>", "<eos>"]
    assert chat_tokenizer.decode(encoded.ids[:-1]) == prompt.whole(PROGRAM)
    check_template(chat_tokenizer, "chat", [prompt], [PROGRAM])
    start = completion_start(encoded, prompt)
    assert chat_tokenizer.decode(encoded.ids[start:-1]) == PROGRAM + "```"


def test_offsets_of_a_text_with_names_of_control_tokens_are_those_of_the_text(chat_tokenizer: Any) -> None:
    text = "a = 1\n" + PROGRAM
    encoded = encode(chat_tokenizer, ModelInput(text))
    at = text.index("split")
    assert text[encoded.starts[encoded.token_at(at)] : at] in ("", ".")
    assert encoded.starts == sorted(encoded.starts)


def test_the_date_of_a_chat_template_is_the_specs(chat_tokenizer: Any) -> None:
    problem = Problem("p", "Add.", None)  # type: ignore[arg-type]
    settings = PromptTemplate("chat", ChatSettings({"thinking": False}, "Be terse.", "2025-01-02"))
    text = render(problem, settings, chat_tokenizer).text
    assert text.startswith("02 Jan 2025\n<|turn|>system\nBe terse.<|end|>\n<|turn|>user\nSolve")
    assert text.endswith("<|turn|>assistant\n<quiet>```python\n")
    assert render(problem, "chat", chat_tokenizer).text.startswith("26 Jul 2024\n<|turn|>user")
    digests = {template_digest(one, chat_tokenizer) for one in ("chat", settings, PromptTemplate("plain"))}
    assert len(digests) == 3
    assert PromptTemplate.from_record(settings.record(chat_tokenizer)) == settings


def test_reasoning_that_a_template_opens_is_closed(chat_tokenizer: Any) -> None:
    chat_tokenizer.chat_template = CHAT + "<think>\n"
    problem = Problem("p", "Add.", None)  # type: ignore[arg-type]
    assert render(problem, "chat", chat_tokenizer).text.endswith("<think>\n\n</think>\n\n```python\n")


def test_a_chat_template_that_refuses_the_message_is_one_message(chat_tokenizer: Any) -> None:
    chat_tokenizer.chat_template = "{{ raise_exception('no system role') }}"
    problem = Problem("p", "Add.", None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"chat template refuses the message \(no system role\)"):
        render(problem, "chat", chat_tokenizer)


def test_a_tokenizer_that_merges_newlines_with_what_follows_is_asked_without_the_newline(
    tokenizers: dict[str, Any],
) -> None:
    given = 'def f(x):\n    """Return x."""\n'
    problem = Problem("p", given, None, (given + "    return x\n",), prompt=given)  # type: ignore[arg-type]
    for family, held in (("before", ""), ("after", "\n")):
        prompt = render(problem, "plain", tokenizers[family])
        assert prompt.held == held
        assert prompt.question.text == given.removesuffix(held)
        check_template(tokenizers[family], "plain", [prompt], [problem.canonical])
        encoded = encode_program(tokenizers[family], prompt, problem.canonical)
        first = completion_start(encoded, prompt)
        assert tokenizers[family].decode(encoded.ids[first:-1]) == held + "    return x\n"


def test_composed_characters_belong_to_the_token_that_stands_for_them(texts: list[str]) -> None:
    from tests.fixtures.tiny_models import byte_level
    from tokenizers import normalizers

    tokenizer = byte_level(texts, "before")
    tokenizer.backend_tokenizer.normalizer = normalizers.NFC()
    for letter in ("e\u0301", "\u1112\u1161\u11ab"):
        text = f"x = 1  # {letter}\ny = x\n"
        composed = unicodedata.normalize("NFC", text)
        encoded, plain = encode(tokenizer, text), encode(tokenizer, composed)
        assert encoded.ids == plain.ids
        last = text.index("\n") - 1
        assert encoded.token_at(last) == plain.token_at(composed.index("\n") - 1)
        assert encoded.token_at(last + 1) == plain.token_at(composed.index("\n"))


def test_a_byte_level_file_is_read_as_it_is_whatever_class_it_names(
    model_folders: dict[str, Path], tmp_path: Path
) -> None:
    """The two properties of DeepSeek's folders: a byte-level tokenizer.json, and the class name LlamaTokenizerFast."""
    import json
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(model_folders["llama"], folder)
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text())
    settings |= {"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": True, "bos_token": "<pad>"}
    file.write_text(json.dumps(settings))
    tokenizer = load_tokenizer(str(folder))
    program = "def f(a):\n    return a + 1\n"
    ids = encode(tokenizer, program).ids
    assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.decode(ids[1:]) == program
    tokenizer.save_pretrained(folder)
    assert encode(load_tokenizer(str(folder)), program).ids == ids


def test_a_prompt_made_by_hand_has_no_control_tokens(chat_tokenizer: Any) -> None:
    prompt = Prompt(text="<|turn|>", given="", closing="")
    assert controls(chat_tokenizer, encode(chat_tokenizer, prompt.question).ids) == []
    assert controls(chat_tokenizer, encode(chat_tokenizer, "<|turn|>").ids) == ["<|turn|>"]
