"""The clients of PRM, segmenter and mutator in a load test, each with the results that it must receive."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import suppress
from typing import Any, Final

from load_clients import Traffic
from prlcoder.mutator import RuleTeacher, Variant
from prlcoder.mutator.serving.client import CutProgram, MutatorClient, Rules
from prlcoder.prm.items import ProgramScores, ProgramToScore, StepSpan
from prlcoder.prm.serving.client import PrmClient
from prlcoder.problems.nano.stream import stream
from prlcoder.problems.prompts import Prompt
from prlcoder.segmenter import segment
from prlcoder.segmenter.serving.client import SegmenterClient

RULES: Final = Rules(seed=3, mutations=2, refactorings=1)
TEXTS: Final = tuple(dict.fromkeys(one.program for one in stream(60, seed=11, exclude=())))[:24]
TOLERANCE: Final = 1e-3  # of logits: batches of different shapes round differently


async def scoring(traffic: Traffic) -> None:
    """Check that scores are those of the checkpoint that they name; every fourth call is cancelled."""
    async with PrmClient(traffic.addresses["prm"]) as client:
        while traffic.going:
            picked, asked = traffic.rng.sample(range(len(TEXTS)), 3), time.monotonic()
            call = asyncio.create_task(client.score([prm_item(TEXTS[index]) for index in picked], timeout_s=60.0))
            if traffic.rng.random() < 0.25:
                await traffic.pause(0.05)
                call.cancel()
            with suppress(asyncio.CancelledError):
                for index, scored in zip(picked, await call, strict=True):
                    _judge_scores(traffic, index, scored, asked)
            await traffic.pause(0.6)


async def learn_scores(traffic: Traffic) -> None:
    """Record the scores of each checkpoint without other load; the last one stays loaded."""
    async with PrmClient(traffic.addresses["prm"]) as client:
        for version in range(len(traffic.models)):
            if version:
                await client.update(version, traffic.models[version])
            scored = await client.score([prm_item(text) for text in TEXTS])
            traffic.logits[version] = [
                [step.logit for step in one.steps] for one in scored if isinstance(one, ProgramScores)
            ]


async def updating(traffic: Traffic, every_s: float) -> None:
    """Exchange the checkpoint repeatedly."""
    async with PrmClient(traffic.addresses["prm"]) as client:
        for version in itertools.count(len(traffic.models)):
            if traffic.ends - time.monotonic() < every_s:
                return
            await asyncio.sleep(every_s)
            await client.update(version, traffic.models[version % len(traffic.models)], timeout_s=60.0)
            traffic.ledger.status("updating", "OK", {"OK"})


async def cutting(traffic: Traffic) -> None:
    """Check segments against those of the segmenter in this process."""
    expected = {text: segment(text, "line") for text in TEXTS}
    async with SegmenterClient(traffic.addresses["segmenter"]) as client:
        while traffic.going:
            asked = traffic.rng.sample(TEXTS, 8)
            found = await client.segment(asked, "line", timeout_s=60.0)
            traffic.ledger.status("segmenter", "OK", {"OK"})
            if found != [expected[text] for text in asked]:
                traffic.ledger.wrong.append(f"segmenter: {asked!r}")
            await traffic.pause(0.6)


async def proposing(traffic: Traffic) -> None:
    """Check variants against those of the rule teacher in this process."""
    teacher, texts = RuleTeacher(RULES.seed, RULES.mutations, RULES.refactorings), TEXTS[:8]
    cut = [CutProgram("p", text, segment(text, "line")) for text in texts]
    expected = [_variants(teacher, program) for program in cut]
    async with MutatorClient(traffic.addresses["mutator"]) as client:
        while traffic.going:
            picked = traffic.rng.sample(range(len(cut)), 2)
            found = await client.propose([cut[index] for index in picked], RULES, timeout_s=60.0)
            traffic.ledger.status("mutator", "OK", {"OK"})
            if found != [expected[index] for index in picked]:
                traffic.ledger.wrong.append(f"mutator: {picked}")
            await traffic.pause(1.0)


def prm_item(text: str) -> ProgramToScore:
    """A program with one step per line."""
    return ProgramToScore(
        Prompt("", "", ""), text, tuple(StepSpan(one.start, one.end) for one in segment(text, "line"))
    )


def _variants(teacher: RuleTeacher, cut: CutProgram) -> dict[int, list[Variant]]:
    indexes = [index for index, one in enumerate(cut.segments) if one.is_step]
    return {index: teacher.propose(cut.problem_id, cut.program, list(cut.segments), index) for index in indexes}


def _judge_scores(traffic: Traffic, index: int, scored: Any, asked: float) -> None:
    if not isinstance(scored, ProgramScores):
        traffic.ledger.status("prm", f"item {scored.code.name}", {"OK"}, str(scored))
        return
    traffic.ledger.status("prm", "OK", {"OK"})
    expected = traffic.logits[scored.weights_version % len(traffic.models)][index]
    found = [step.logit for step in scored.steps]
    if len(found) != len(expected) or any(abs(a - b) > TOLERANCE for a, b in zip(found, expected, strict=True)):
        traffic.ledger.wrong.append(f"prm: text {index}, version {scored.weights_version}: {found} not {expected}")
    else:
        traffic.ledger.scored.append((asked, time.monotonic()))
