"""Opens what samples and judges a policy's programs during its training, and checks that the run allows it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from prlcoder.errors import InputError
from prlcoder.modeling.checkpoints import Checkpoint
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.stages.services import address, segmenter
from prlcoder.training.rl.collecting import RolloutCollector, RolloutTask, has_tests
from prlcoder.training.rl.curriculum import Curriculum
from prlcoder.training.rl.ranks import Ranks

if TYPE_CHECKING:
    from prlcoder.executor import ProgramRunner
    from prlcoder.spec import Rl
    from prlcoder.training.algorithms.start import PolicyStart
    from prlcoder.training.rl.scoring import RolloutScorer

ALONE: Final = Ranks()
MAX_ROWS: Final = 256  # programs that are sampled together


def check_one_process(section: str) -> None:
    """``InputError`` if ``torchrun`` has started several processes. ``section`` names the setting that needs one."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(f"{section}: trains in one process; start it without torchrun")


def check_rollouts(start: PolicyStart, section: str, *, needs_solutions: bool) -> None:
    """``InputError`` for what only shows once the run's problems and machine are known. ``section`` names the setting
    that asks for rollouts."""
    if address(start.context.spec.services, "policy") is not None:
        raise InputError(f"{section}: samples in the trainer's process; unset PRLCODER_POLICY and services.policy")
    train = start.context.train
    untested = [problem.id for problem in train if not has_tests(problem)]
    if untested:
        raise InputError(
            f"{section}: {len(untested)} of {len(train)} training problems have no tests ({untested[0]}); their "
            "programs have no verdict to learn from; leave them out"
        )
    unsolved = [problem.id for problem in train if not problem.solutions]
    if unsolved and needs_solutions:
        raise InputError(
            f"{section}: {len(unsolved)} of {len(train)} training problems have no canonical solution ({unsolved[0]}), "
            "which this reward, credit or curriculum needs; leave them out"
        )


def open_collector(
    start: PolicyStart,
    rl: Rl,
    model: Any,
    executor: ProgramRunner,
    scorer: RolloutScorer | None = None,
    ranks: Ranks = ALONE,
) -> RolloutCollector:
    """Samples with the present weights of ``model``, which may be in training; of several ``ranks``, each its share."""
    context = start.context
    cut = segmenter(context.spec.services)
    closings = {prompt.closing for prompt in start.prompts.values() if prompt.closing}
    return RolloutCollector(
        engine=TransformersEngine(
            Checkpoint.of(model, start.tokenizer), batch_size=MAX_ROWS, max_new_tokens=rl.max_new_tokens
        ),
        executor=executor,
        segmenter=cut,
        scorer=scorer,
        tasks=[RolloutTask.of(problem, start.prompts[problem.id], start.tokenizer) for problem in context.train],
        template=context.template,
        mode=context.spec.segmentation,
        settings=rl,
        stop=tuple(sorted({*closings, *(context.spec.evaluation.stop if context.spec.evaluation else ())})),
        seed=context.spec.seed,
        max_length=start.max_length,
        ranks=ranks,
        curriculum=Curriculum(context.train, cut, context.spec.segmentation) if rl.curriculum == "cccs" else None,
    )
