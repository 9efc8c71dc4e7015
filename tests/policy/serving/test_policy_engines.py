"""Both engines keep the same promises: the same greedy texts, pieces that add up, seeds, and weights that are exchanged
between requests."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from prlcoder.errors import InputError
from prlcoder.modeling.checkpoints import load
from prlcoder.policy.sampling import Finish, Piece, Sampling, Unread
from prlcoder.policy.serving.live import LivePolicy, SampleEvent
from prlcoder.policy.serving.service import start_engine
from prlcoder.policy.serving.settings import PolicySettings
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.problems.prompts import ModelInput

pytestmark = pytest.mark.needs_torch

T = TypeVar("T")
PROMPTS = ["# 1: x\ndef f(v0):", "# a longer statement than the first one\ndef f(v0):", "def"]
TOKENS = 40


@dataclass
class Text:
    """The pieces of one sample, put together."""

    text: str = ""
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    finish: Finish | None = None
    versions: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Served:
    """A policy and the loop that it lives in."""

    policy: LivePolicy
    run: Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module", params=["transformers", "vllm"])
def served(request: pytest.FixtureRequest, policies: dict[str, Path]) -> Iterator[Served]:
    """The policy ``first`` on each engine; vLLM with room for adapters."""
    with pytest.MonkeyPatch.context() as environment, asyncio.Runner() as runner:
        if request.param == "vllm":
            if importlib.util.find_spec("vllm") is None:
                pytest.skip("vLLM is not installed (make setup-vllm)")
            environment.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
            environment.setenv("VLLM_LOGGING_LEVEL", "ERROR")
        settings = PolicySettings(
            str(policies["first"]),
            engine=request.param,
            max_new_tokens=TOKENS,
            dtype="float32",
            eager=True,
            max_adapter_rank=8,
        )
        policy: LivePolicy = runner.run(start_engine(settings))
        yield Served(policy, runner.run)
        runner.run(policy.close())


@pytest.fixture(autouse=True)
def first_again(request: pytest.FixtureRequest, policies: dict[str, Path]) -> Iterator[None]:
    """Whatever a test loads, the next one meets the weights ``first``."""
    yield
    served: Served = request.getfixturevalue("served")
    if served.policy.weights.version:
        served.run(served.policy.update(served.policy.weights.version + 1, str(policies["first"]), "full"))


async def collect(stream: AsyncGenerator[SampleEvent, None]) -> dict[tuple[int, int], Text]:
    """Every sample's pieces, put together."""
    found: dict[tuple[int, int], Text] = {}
    async with aclosing(stream):
        async for written in stream:
            piece = written.event
            assert isinstance(piece, Piece)
            text = found.setdefault((piece.prompt, piece.sample), Text())
            assert text.finish is None  # nothing comes after the last piece
            text.text += piece.text
            text.ids += piece.ids
            text.log_probabilities += piece.log_probabilities
            text.finish = piece.finish
            text.versions.add(written.weights_version)
    assert all(text.finish for text in found.values())
    return found


def write(served: Served, prompts: Sequence[str | ModelInput] = PROMPTS, **how: Any) -> dict[tuple[int, int], Text]:
    """``collect`` of one request."""
    found: dict[tuple[int, int], Text] = served.run(collect(served.policy.stream(prompts, Sampling(**how))))
    return found


def greedy(
    model: Path,
    prompts: Sequence[str | ModelInput] = PROMPTS,
    *,
    adapter: Path | None = None,
    stop: Sequence[str] = (),
) -> list[str]:
    """The greedy completions by the engine that the pipeline uses."""
    checkpoint = load(str(model), adapter=None if adapter is None else str(adapter))
    engine = TransformersEngine(checkpoint, max_new_tokens=TOKENS)
    return [text for (text,) in engine.generate(prompts, samples=1, temperature=0, seed=0, stop=stop)]


def texts(found: dict[tuple[int, int], Text]) -> list[str]:
    """The text of each sample, in order."""
    return [found[key].text for key in sorted(found)]


def test_greedy_texts_are_those_of_the_pipelines_engine(served: Served, policies: dict[str, Path]) -> None:
    expected = greedy(policies["first"])
    assert all(expected)
    assert texts(write(served)) == expected
    twice = write(served, samples=2)
    assert texts(twice) == [text for text in expected for _ in range(2)]


def test_a_sample_ends_before_a_stop_text(served: Served, policies: dict[str, Path]) -> None:
    stop = greedy(policies["first"])[0][9:12]
    found = write(served, stop=(stop,))
    assert texts(found) == greedy(policies["first"], stop=[stop])
    assert found[0, 0].finish == "stop"
    assert len(found[0, 0].ids) < TOKENS
    assert stop in served.policy.tokenizer.decode(found[0, 0].ids)
    assert stop not in served.policy.tokenizer.decode(found[0, 0].ids[:-1])


@pytest.fixture(scope="module")
def writes_control_tokens(policies: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policy ``first``, except that it writes ``<pad>`` where ``first`` begins its first completion."""
    import torch

    checkpoint = load(str(policies["first"]))
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    ids = tokenizer(PROMPTS[0], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        first = int(model(ids).logits[0, -1].argmax())
        model.lm_head.weight[tokenizer.pad_token_id] = 2 * model.lm_head.weight[first]
    folder = tmp_path_factory.mktemp("control")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_names_of_control_tokens_are_read_and_written_alike(served: Served, writes_control_tokens: Path) -> None:
    name = "<pad>"
    question = f"{name}{PROMPTS[0]}"
    prompts = [PROMPTS[0], ModelInput(question, control=((0, len(name)),)), ModelInput(question)]
    expected = greedy(writes_control_tokens, prompts)
    assert expected[0].startswith(name)  # what the model writes stays visible
    policy = served.policy
    served.run(policy.update(policy.weights.version + 1, str(writes_control_tokens), "full"))
    assert texts(write(served, prompts)) == expected
    stop = expected[0][len(name) :][3:6]
    ended = greedy(writes_control_tokens, prompts, stop=[stop])
    assert ended[0] == expected[0][: expected[0].index(stop)]
    assert texts(write(served, prompts, stop=(stop,))) == ended
    assert texts(write(served, prompts, stop=(name,)))[0] == ""  # a control token's name can be a stop text


def test_log_probabilities_are_the_models_own_or_those_at_the_sampling_temperature(
    served: Served, policies: dict[str, Path]
) -> None:
    import torch

    from prlcoder.modeling.spans import encode

    model, tokenizer = load(str(policies["first"])).model, served.policy.tokenizer
    for at_temperature, scale in ((False, 1.0), (True, 0.7), (False, 1.0)):
        found = write(served, temperature=0.7, seed=5, log_probabilities=True, at_temperature=at_temperature)
        for number, prompt in enumerate(PROMPTS):
            sample, ids = found[number, 0], encode(tokenizer, prompt).ids
            with torch.inference_mode():
                logits = model(torch.tensor([ids + sample.ids])).logits[0, len(ids) - 1 : -1] / scale
            expected = torch.log_softmax(logits, -1).gather(-1, torch.tensor(sample.ids)[:, None])[:, 0]
            assert sample.log_probabilities == pytest.approx(expected.tolist(), abs=1e-3)
    assert not write(served)[0, 0].log_probabilities


def test_a_seed_gives_the_same_samples_and_another_one_others(served: Served) -> None:
    first = write(served, ["def f", "def f"], samples=3, temperature=1.0, seed=1)
    assert texts(first) == texts(write(served, ["def f", "def f"], samples=3, temperature=1.0, seed=1))
    assert len(set(texts(first))) == 6
    assert texts(first) != texts(write(served, ["def f", "def f"], samples=3, temperature=1.0, seed=2))
    assert texts(write(served, temperature=1.0)) != texts(write(served, temperature=1.0))


def test_whole_samples_come_in_one_piece_and_are_the_streamed_ones(served: Served) -> None:
    how = {"samples": 2, "temperature": 1.0, "seed": 4, "log_probabilities": True}

    async def pieces(**more: Any) -> int:
        async with aclosing(served.policy.stream(PROMPTS, Sampling(**how, **more))) as stream:
            return len([written async for written in stream])

    assert served.run(pieces(whole=True)) == 2 * len(PROMPTS) < served.run(pieces())
    streamed, whole = write(served, **how), write(served, **how, whole=True)
    assert streamed.keys() == whole.keys()
    for key, sample in whole.items():
        assert (sample.text, sample.ids, sample.finish) == (streamed[key].text, streamed[key].ids, streamed[key].finish)
        assert sample.log_probabilities == pytest.approx(streamed[key].log_probabilities, abs=1e-4)


def test_restricted_to_one_token_sampling_is_greedy(served: Served, policies: dict[str, Path]) -> None:
    expected = greedy(policies["first"])
    assert texts(write(served, temperature=1.0, top_k=1, seed=1)) == expected
    assert texts(write(served, temperature=1.0, top_p=1e-6, seed=1)) == expected


def test_lengths(served: Served) -> None:
    found = write(served, max_tokens=3, temperature=1.0, top_k=1, seed=0)
    assert [(len(text.ids), text.finish) for text in found.values()] == [(3, "length")] * 3

    async def events() -> list[Piece | Unread]:
        return [written.event async for written in served.policy.stream(["a = 1\n" * 200, "def"], Sampling())]

    unread, *pieces = served.run(events())
    assert isinstance(unread, Unread)
    assert (unread.prompt, unread.limit) == (0, 512)
    assert "leaves no room in the model's 512" in str(unread)
    assert {piece.prompt for piece in pieces} == {1}


def test_a_stream_that_is_closed_frees_the_engine(served: Served) -> None:
    async def work() -> dict[tuple[int, int], Text]:
        stream = served.policy.stream(PROMPTS, Sampling(samples=8, temperature=1.0, max_tokens=400))
        async with aclosing(stream):
            await anext(stream)
        return await collect(served.policy.stream(["def"], Sampling()))

    assert served.run(work())[0, 0].finish
    if served.policy.engine == "vllm":
        assert served.policy._llm.get_num_unfinished_requests() == 0  # type: ignore[attr-defined]


def test_full_checkpoints_are_exchanged_between_requests(served: Served, policies: dict[str, Path]) -> None:
    expected = {name: greedy(policies[name]) for name in ("first", "second")}
    before = served.policy.weights.version

    async def work() -> list[dict[tuple[int, int], Text]]:
        found = []
        updated = asyncio.Event()

        async def client() -> None:
            after = 0
            while after < 2:
                after += updated.is_set()
                found.append(await collect(served.policy.stream(PROMPTS, Sampling())))

        clients = [asyncio.create_task(client()) for _ in range(3)]
        await served.policy.update(before + 1, str(policies["second"]), "full")
        updated.set()
        await asyncio.gather(*clients)
        return found

    seen = set()
    for request in served.run(work()):
        for (prompt, _), text in request.items():
            (version,) = text.versions
            seen.add(version)
            assert text.text == expected["first" if version == before else "second"][prompt]
    assert seen == {before, before + 1}
    assert served.policy.weights.model == str(policies["second"])


def test_an_adapter_is_applied_to_the_base_model(served: Served, policies: dict[str, Path], adapter: Path) -> None:
    expected = greedy(policies["first"], adapter=adapter)
    assert expected != greedy(policies["first"])
    policy = served.policy
    served.run(policy.update(policy.weights.version + 1, str(adapter), "adapter"))
    assert texts(write(served)) == expected
    assert (policy.weights.model, policy.weights.adapter) == (str(policies["first"]), str(adapter))
    served.run(policy.update(policy.weights.version + 1, str(policies["second"]), "full"))
    assert texts(write(served)) == greedy(policies["second"])
    served.run(policy.update(policy.weights.version + 1, str(adapter), "adapter"))  # the base comes back under it
    assert texts(write(served)) == expected


def test_what_cannot_be_loaded_leaves_the_old_weights_serving(
    served: Served, policies: dict[str, Path], adapter: Path, tmp_path: Path
) -> None:
    truncated = tmp_path / "truncated"
    truncated.mkdir()
    for file in policies["second"].iterdir():
        content = file.read_bytes()
        (truncated / file.name).write_bytes(content[:-100] if file.suffix == ".safetensors" else content)
    empty = tmp_path / "empty"
    empty.mkdir()
    weights = served.policy.weights
    wrong = [(tmp_path / "absent", "full"), (truncated, "full"), (empty, "full"), (empty, "adapter")]
    if served.policy.engine == "vllm":  # which loads weights over its own; transformers loads any model
        wrong += [(policies["wider"], "full")]
    for uri, kind in wrong:
        with pytest.raises(InputError, match=str(uri.name)):
            served.run(served.policy.update(weights.version + 1, str(uri), kind))
    with pytest.raises(InputError, match="not above the present"):
        served.run(served.policy.update(weights.version, str(policies["second"]), "full"))
    assert served.policy.weights == weights
    assert texts(write(served)) == greedy(policies["first"])
