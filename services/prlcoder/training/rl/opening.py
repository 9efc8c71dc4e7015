"""Opens what samples and judges a policy's programs during its training, and checks that the run allows it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from prlcoder.errors import InputError
from prlcoder.modeling.checkpoints import Checkpoint
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.stages.services import address, segmenter
from prlcoder.training.loop.starting_model import saved_dtype
from prlcoder.training.rl.collecting import RolloutCollector, RolloutTask, has_tests
from prlcoder.training.rl.curriculum import Curriculum
from prlcoder.training.rl.engines import LocalEngine
from prlcoder.training.rl.ranks import Ranks
from prlcoder.training.rl.weights_folder import FOLDER, WeightsFolder

if TYPE_CHECKING:
    from prlcoder.executor import ProgramRunner
    from prlcoder.spec import Rl
    from prlcoder.training.algorithms.start import PolicyStart
    from prlcoder.training.loop.job import Job
    from prlcoder.training.rl.engines import RolloutEngine
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


def local_engine(start: PolicyStart, rl: Rl, model: Any, section: str) -> LocalEngine:
    """Samples with ``model``, which may be in training. ``section`` names the setting that asks for rollouts.

    ``InputError`` if the run has a policy service, which would not be used.
    """
    if (service := address(start.context.spec.services, "policy")) is not None:
        raise InputError(
            f"{section}: samples in the trainer's process and not at {service.target}; unset PRLCODER_POLICY and "
            "services.policy"
        )
    checkpoint = Checkpoint.of(model, start.tokenizer)
    return LocalEngine(TransformersEngine(checkpoint, batch_size=MAX_ROWS, max_new_tokens=rl.max_new_tokens))


def open_engine(start: PolicyStart, job: Job, rl: Rl, model: Any, ranks: Ranks = ALONE) -> RolloutEngine:
    """What samples the rollouts of ``model``, the policy in training, as ``rl.engine`` says."""
    if rl.engine.kind == "transformers":
        return local_engine(start, rl, model, "policy.rl.engine.kind: transformers")
    service = address(start.context.spec.services, "policy")
    if service is None:
        raise InputError(
            f"policy.rl.engine.kind: {rl.engine.kind}: the run has no policy service; set services.policy or "
            "PRLCODER_POLICY to the address of a `prlcoder serve policy`, or the kind to transformers"
        )
    from prlcoder.training.rl.service_engine import ServiceEngine

    weights = WeightsFolder(job.work / FOLDER, model, start.tokenizer, saved_dtype(job))
    return ServiceEngine(service, weights, start.init, max_new_tokens=rl.max_new_tokens, ranks=ranks)


def open_collector(
    start: PolicyStart,
    rl: Rl,
    engine: RolloutEngine,
    executor: ProgramRunner,
    scorer: RolloutScorer | None = None,
    ranks: Ranks = ALONE,
) -> RolloutCollector:
    """Collects the rollouts of ``engine``; of several ``ranks``, each its share."""
    context = start.context
    cut = segmenter(context.spec.services)
    closings = {prompt.closing for prompt in start.prompts.values() if prompt.closing}
    return RolloutCollector(
        engine=engine,
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
