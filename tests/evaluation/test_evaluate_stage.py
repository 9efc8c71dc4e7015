"""The evaluate stage on tiny untrained models: its files, its determinism, and going on after an interruption."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from prlcoder.cli.main import main
from prlcoder.errors import InputError
from prlcoder.evaluation import benchmark, stage
from prlcoder.evaluation.stage_cache import StageCache
from prlcoder.executor import Executor, ResourceLimits
from prlcoder.modeling.reward_record import RewardRecord
from prlcoder.mutator import RuleTeacher
from prlcoder.problems.nano import suite
from prlcoder.spec import Evaluation, NanoSuite, Reward, Spec
from prlcoder.stages.context import StageContext
from prlcoder.supervision.build import Settings, build

pytestmark = [pytest.mark.needs_sandbox, pytest.mark.needs_torch]
SPEC = Spec.model_validate(
    {
        "model": {"scratch": {}, "promptTemplate": "nano"},
        "problems": {"source": "nano"},
        "segmentation": "line",
        "execution": {"workers": 1},
        "evaluation": {
            "maxNewTokens": 24,
            "benchmarks": [{"samples": 2, "k": [1, 2, 8]}, {"source": "validation", "samples": 0}],
        },
    }
)
TASK = {"text": "Add two.", "code": "def f(x):\n    return x + 1\n", "test_list": ["assert f(1) == 2"]}


@pytest.fixture(scope="module")
def supervision(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished supervision of four other problems."""
    folder = tmp_path_factory.mktemp("supervision")
    problems = [
        problem for problem in suite.problems(NanoSuite(train=9, validation=1, test=1)) if problem.split == "train"
    ]
    limits = ResourceLimits(cpu_s=1.0)
    settings = Settings("line", 0, 2, limits, [{"kind": "rules"}])
    with Executor(workers=1, limits=limits) as executor:
        build(lambda: iter(problems[-4:]), folder, settings, teachers=[RuleTeacher(0)], executor=executor)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A base, a policy with one control, and a reward model, all with random weights."""
    from transformers import AutoModelForTokenClassification

    from prlcoder.modeling import scratch_models
    from prlcoder.modeling.scratch_tokenizers import nano_tokenizer

    folder = tmp_path_factory.mktemp("models")
    problems = list(suite.problems(NanoSuite(train=30, validation=1, test=1)))
    tokenizer = nano_tokenizer([problem.statement + problem.canonical for problem in problems])
    places = {"pretrain": 0, "policy": 1, "policy/controls/nll": 2}
    for place, seed in places.items():
        scratch_models.build("nano", tokenizer, seed=seed, max_length=256).save_pretrained(folder / place)
        tokenizer.save_pretrained(folder / place)
        (folder / place / "prompt_template.json").write_text('{"name": "nano"}')  # as training leaves a policy
    reward = AutoModelForTokenClassification.from_pretrained(folder / "pretrain", num_labels=2)
    reward.save_pretrained(folder / "reward")
    tokenizer.save_pretrained(folder / "reward")
    return {name: folder / name for name in ("pretrain", "policy", "reward")}


def context(folder: Path, models: dict[str, Path], spec: Spec = SPEC) -> StageContext:
    problems = list(suite.problems(NanoSuite(train=2, validation=2, test=3)))
    for name in ("work", "output"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    train, validation, test = (
        tuple(problem for problem in problems if problem.split == split) for split in ("train", "validation", "test")
    )
    return StageContext(spec, folder / "work", folder / "output", models, train, validation, test)


def files(folder: Path) -> dict[str, Any]:
    """All output files, times left out."""
    found: dict[str, Any] = {}
    for path in sorted((folder / "output").rglob("*.json*")):
        name = str(path.relative_to(folder / "output"))
        found[name] = path.read_text()
        if name.endswith("summary.json"):
            found[name] = {key: value for key, value in json.loads(found[name]).items() if key != "timings_s"}
    return found


def test_an_interrupted_evaluation_goes_on_to_the_same_files(
    tmp_path: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = stage.run(context(tmp_path / "whole", models))
    assert set(metrics) == {"base_pass@1", "policy_pass@1", "nll_pass@1"}
    whole = files(tmp_path / "whole")

    calls: list[int] = []
    generate = benchmark.generate

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return generate(*arguments)

    monkeypatch.setattr(benchmark, "generate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage.run(context(tmp_path / "parts", models))
    stage.run(context(tmp_path / "parts", models))
    # 3 policies on 2 benchmarks: the first one's base is not written again, only the one that was interrupted is
    assert len(calls) == 7
    assert files(tmp_path / "parts") == whole

    summary = whole["summary.json"]
    assert list(summary["policies"]) == ["base", "policy", "nll"]
    assert summary["policies"]["policy"]["sampled"].keys() >= {"pass@1", "pass@2"}
    assert "pass@8" not in summary["policies"]["policy"]["sampled"]
    best = summary["policies"]["policy"]["best_of_n"]
    assert (best["n"], list(best["by_score"])) == (2, ["product", "mean", "min", "last", "log_probability"])
    assert "vs_base" not in summary["policies"]["base"]
    assert summary["reward_model"]["held_out_steps"]["n"] > 10
    samples = [json.loads(line) for line in whole["samples.jsonl"].splitlines()]
    assert len(samples) == 3 * 3 * (1 + 2)
    assert whole["validation/summary.json"]["policies"]["base"]["n"] == 2
    steps = [json.loads(line) for line in whole["steps.jsonl"].splitlines()]
    assert [row["policy"] for row in steps] == ["canonical"] * 3 + ["base"] * 3 + ["policy"] * 3 + ["nll"] * 3
    assert any(part["variants"] for part in steps[0]["segments"])


def test_a_published_benchmark_and_the_leak_test_beside_the_reward_model(
    tmp_path: Path, models: dict[str, Path], supervision: Path
) -> None:
    path = tmp_path / "mbpp.jsonl"
    path.write_text(
        json.dumps({"task_id": 10, **TASK}) + "\n" + json.dumps({"task_id": 11, **TASK, "text": "Add one."}) + "\n"
    )
    plans = [
        {"source": "held-out", "samples": 0},
        {"source": "mbpp", "name": "basic", "path": str(path), "samples": 1, "k": [1]},
    ]
    spec = SPEC.model_copy(update={"evaluation": Evaluation.model_validate({"maxNewTokens": 8, "benchmarks": plans})})
    stage.run(context(tmp_path, {**models, "supervise": supervision}, spec))
    found = files(tmp_path)
    leak = found["summary.json"]["leak"]
    assert 0 <= leak["auroc"] <= 1
    assert leak["steps"] == found["summary.json"]["reward_model"]["held_out_steps"]["n"]
    assert leak["problems"] == 3
    reward = found["summary.json"]["reward_model"]
    assert reward["held_out_steps"]["text"]["auroc"] == pytest.approx(leak["auroc"])
    low, high = reward["held_out_steps"]["vs_text"]["auroc"]["ci95"]
    assert -1 <= low <= reward["held_out_steps"]["vs_text"]["auroc"]["difference"] <= high <= 1
    basic = found["basic/summary.json"]
    assert (basic["benchmark"], basic["problems"]["source"], basic["problems"]["n"]) == ("basic", "mbpp", 1)
    samples = [json.loads(line) for line in found["basic/samples.jsonl"].splitlines()]
    assert {row["task_id"] for row in samples} == {"11"}  # tasks 1 to 10 are MBPP's examples, not its test
    assert {row["split"] for row in map(json.loads, found["basic/steps.jsonl"].splitlines())} == {"train", "basic"}


def test_an_outcome_model_chooses_among_samples_beside_the_process_model_or_alone(
    tmp_path: Path, models: dict[str, Path]
) -> None:
    outcome = shutil.copytree(models["reward"], tmp_path / "outcome")
    RewardRecord("orm").write(outcome)
    plan = {"maxNewTokens": 8, "benchmarks": [{"samples": 2}]}
    beside = Evaluation.model_validate({**plan, "outcomeModel": str(outcome)})
    without_policy = {name: models[name] for name in ("pretrain", "reward")}
    stage.run(context(tmp_path / "beside", without_policy, SPEC.model_copy(update={"evaluation": beside})))
    summary = files(tmp_path / "beside")["summary.json"]
    best = summary["policies"]["base"]["best_of_n"]
    assert list(best["by_score"]) == ["product", "mean", "min", "last", "outcome", "log_probability"]
    found = summary["reward_model"]
    assert list(found) == ["held_out_steps", "own_steps", "held_out_programs", "own_programs"]
    assert found["own_programs"]["base"]["n"] == 3

    alone = {"evaluation": Evaluation.model_validate(plan), "reward": Reward(kind="orm")}
    given = {"pretrain": models["pretrain"], "reward": outcome}
    stage.run(context(tmp_path / "alone", given, SPEC.model_copy(update=alone)))
    other = files(tmp_path / "alone")["summary.json"]
    scores = other["policies"]["base"]["best_of_n"]
    assert (scores["score"], list(scores["by_score"])) == ("outcome", ["outcome", "log_probability"])
    assert scores["by_score"]["outcome"] == best["by_score"]["outcome"]
    assert other["reward_model"] == {name: found[name] for name in ("held_out_programs", "own_programs")}
    assert found["held_out_programs"]["n"] < found["held_out_steps"]["n"]  # the canonical steps are of one program

    with pytest.raises(InputError, match="is a reward model of the kind orm, not prm"):
        stage.run(context(tmp_path / "wrong", given))


def test_an_evaluation_does_not_go_on_with_other_problems(tmp_path: Path, models: dict[str, Path]) -> None:
    begun = context(tmp_path, {"pretrain": models["pretrain"]})
    StageCache(begun.work / "held-out").load_or_compute("problems", "read", lambda: "another digest")
    with pytest.raises(InputError, match="benchmark held-out: the problems are not those"):
        stage.run(begun)


def test_the_leak_test_as_a_command(supervision: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--leak", str(supervision), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["problems"], {row["origin"] for row in found["origins"]} >= {"canonical", "mutation"}) == (4, True)
    assert main(["evaluate", "--leak", str(supervision)]) == 0
    assert f"AUROC {found['auroc']:.3f} from the text of a step alone" in capsys.readouterr().out
