"""Manifests are loaded, and every mistake in them gets one located message."""

from __future__ import annotations

from pathlib import Path

import pytest

from prlcoder.cli.main import main
from prlcoder.errors import InputError
from prlcoder.spec import Policy, manifest
from prlcoder.spec.checks import ignored_locally

GOOD = """\
apiVersion: prlcoder.dev/v1alpha1
kind: TrainingRun
metadata: {name: example}
spec:
  model: {scratch: {preset: nano}, promptTemplate: nano}
  problems: {source: nano}
  supervision:
    teachers:
      - {kind: rules}
      - {kind: policy, samples: 4}
  reward: {}
  policy:
    learningRate: 1e-4
    controls: [{kind: nll, epochs: 2}]
  evaluation: {}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A valid manifest."""
    file = tmp_path / "run.yaml"
    file.write_text(GOOD)
    return file


def refusal(path: Path, sets: list[str] | None = None) -> list[str]:
    """The lines of the message, without the folder of the file."""
    with pytest.raises(InputError) as caught:
        manifest.load(path, sets)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{path.parent}/", "").splitlines()


def test_numbers_such_as_1e_4_are_numbers(path: Path) -> None:
    run = manifest.load(path)
    assert run.spec.policy is not None
    assert run.spec.policy.learning_rate == 0.0001
    assert run.stages() == ["pretrain", "supervise", "reward", "policy", "evaluate"]


def test_the_resolved_manifest_is_the_same_run(path: Path, tmp_path: Path) -> None:
    run = manifest.load(path, ["storage.uri=/tmp/x", "policy.epochs=0.5", "metadata.labels={team: a}"])
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(manifest.dump(run))
    assert manifest.load(resolved) == run
    assert "learningRate: 0.0001" in manifest.dump(run)
    assert "saveSteps: 200" in manifest.dump(run)  # a default, written out


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(path: Path) -> None:
    text = GOOD.replace("name: example", "name: My Run").replace("kind: rules", "kind: rule")
    text = text.replace("samples: 4", "sample: 4").replace("learningRate: 1e-4", "learningrate: 1e-4")
    path.write_text(text.replace("epochs: 2", "epochs: two"))
    assert refusal(path) == [
        "run.yaml:3: metadata.name: 'My Run' cannot name a run; "
        "use at most 63 small letters, digits and `-`, as in `my-run-1`",
        "run.yaml:9: spec.supervision.teachers[0].kind: must be one of 'rules', 'llm', 'policy', not 'rule'",
        "run.yaml:10: spec.supervision.teachers[1].sample: unknown field; did you mean `samples`?",
        "run.yaml:13: spec.policy.learningrate: unknown field; did you mean `learningRate`?",
        "run.yaml:14: spec.policy.controls[0].epochs: must be a number, not 'two'",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("problems: {source: nano}", "problems: {}", "run.yaml:6: spec.problems.source: is required; add it"),
        ("samples: 4", "samples: 0", "run.yaml:10: spec.supervision.teachers[1].samples: must be at least 1, not 0"),
        ("kind: TrainingRun", "kind: Job", "run.yaml:2: kind: must be 'TrainingRun', not 'Job'"),
        (
            "/v1alpha1",
            "/v1",
            "run.yaml:1: apiVersion: must be 'prlcoder.dev/v1alpha1', not 'prlcoder.dev/v1'; "
            "did you mean `prlcoder.dev/v1alpha1`?",
        ),
        (
            "evaluation: {}",
            "evaluation: 3",
            "run.yaml:15: spec.evaluation: must hold fields, not 3; write them below it, indented",
        ),
        (
            "learningRate",
            "learning_rate",
            "run.yaml:13: spec.policy.learning_rate: unknown field; did you mean `learningRate`?",
        ),
        ("{scratch: {preset: nano}, ", "{", "run.yaml:5: spec.model: give exactly one of `path` and `scratch`"),
        (
            "reward: {}",
            "reward: {}\n  reward: {}",
            "run.yaml:12: spec.reward: given twice (first in line 11); remove one of them",
        ),
        (
            "evaluation: {}",
            "xyzzy: 1",
            "run.yaml:15: spec.xyzzy: unknown field; known here: activeDeadlineSeconds, backoffLimit, evaluation, "
            "execution, managedBy, model, policy, pretrain, priorityClassName, problems, progressDeadlineSeconds, "
            "queueName, reward, seed, segmentation, serve, servers, services, sft, stages, startDeadlineSeconds, "
            "storage, supervision, suspend, tracking, ttlSecondsAfterFinished",
        ),
    ],
)
def test_a_mistake_is_one_located_line(path: Path, old: str, new: str, message: str) -> None:
    path.write_text(GOOD.replace(old, new))
    assert refusal(path) == [message]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "run.yaml: is empty; it must hold a TrainingRun"),
        (b"# nothing\n", "run.yaml: is empty; it must hold a TrainingRun"),
        (b"- a\n- b\n", "run.yaml:1: holds a list, not a mapping; it must hold a TrainingRun"),
        (b"hello\n", "run.yaml:1: holds a single value, not a mapping; it must hold a TrainingRun"),
        (b"\x7fELF\x02\x01\xff\xfe", "run.yaml: is not UTF-8 text; is it the right file?"),
        (b"a: \x00\n", "run.yaml: is not text (special characters are not allowed); is it the right file?"),
        (b"a: 1\n---\nb: 2\n", "run.yaml:2: holds more than one document; keep one TrainingRun per file"),
        (
            b"a: [1\nb: 2\n",
            "run.yaml:2: not YAML (expected ',' or ']', but got ':' at column 2); correct this line or the one before",
        ),
        (b"a: 0\nb: [1,\n  2\n", "run.yaml:2: not YAML (a bracket or quote opened here is never closed); close it"),
        (
            b"a:\n\tb: 1\n",
            "run.yaml:2: not YAML (found character '\\t' that cannot start any token at column 1); "
            "correct this line or the one before",
        ),
        (b"? [a]\n: 1\n", "run.yaml:1: a key must be plain text"),
        (b"a: 2026-13-01\n", "run.yaml: not YAML (month must be in 1..12); correct it"),
        (b"a: &x [*x]\n", "run.yaml:1: is nested too deeply, or an alias refers to itself; write it out"),
    ],
)
def test_what_is_no_manifest_is_told_in_one_line(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    assert refusal(path) == [message]


def test_aliases_that_multiply_without_end_are_refused(path: Path) -> None:
    levels = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12)]
    path.write_text("\n".join(["l0: &l0 [x]", *levels]))
    assert refusal(path) == ["run.yaml: holds too many values, or too many aliases; write them out"]


def test_a_tag_builds_no_python_object(path: Path) -> None:
    path.write_text("a: !!python/object/apply:os.system [true]\n")
    (message,) = refusal(path)
    assert "could not determine a constructor for the tag" in message


def test_a_folder_and_a_missing_file_are_told_apart(path: Path) -> None:
    with pytest.raises(InputError, match="is a folder, not a file"):
        manifest.load(path.parent)
    with pytest.raises(InputError, match=r"nowhere\.yaml: no such file; check the path"):
        manifest.load(path.with_name("nowhere.yaml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  supervision:\n    teachers:\n      - {kind: rules}\n      - {kind: policy, samples: 4}\n",
            "",
            [
                "run.yaml:7: spec.reward: needs supervision and the spec has none; "
                "add `supervision`, or `supervision: {from: FOLDER}` to take a finished one",
                "run.yaml:8: spec.policy: needs supervision and the spec has none; "
                "add `supervision`, or `supervision: {from: FOLDER}` to take a finished one",
            ],
        ),
        (
            "promptTemplate: nano",
            "promptTemplate: chat",
            [
                "run.yaml:5: spec.model.promptTemplate: a model from scratch has no chat template; "
                "set it to nano or plain"
            ],
        ),
        ("{scratch: {preset: nano}", "{path: org/name", []),
        ("reward: {}", "pretrain: {}", []),
        (
            "reward: {}",
            "reward: {model: sft}",
            ["run.yaml:11: spec.reward.model: `sft` is not a stage of this spec; add `sft`, or start from `base`"],
        ),
        (
            "  policy:\n",
            "  policy:\n    init: sft\n",
            ["run.yaml:13: spec.policy.init: `sft` is not a stage of this spec; add `sft`, or start from `base`"],
        ),
        (
            "kind: policy, samples: 4",
            "kind: rules",
            ["run.yaml:10: spec.supervision.teachers[1].kind: `rules` is given 2 times; keep one of them"],
        ),
        ("      - {kind: policy, samples: 4}\n", "", []),
        (
            "{kind: nll, epochs: 2}",
            "{kind: nll}, {kind: nll}",
            ["run.yaml:14: spec.policy.controls[1].kind: `nll` is given 2 times; keep one of them"],
        ),
        (
            "{source: nano}",
            "{source: nano, split: {validation: 0.5, test: 0.5}}",
            [
                "run.yaml:6: spec.problems.split: validation 0.5 and test 0.5 leave nothing to train on; "
                "their sum must stay below 1"
            ],
        ),
        (
            "{source: nano}",
            "{source: p.jsonl, split: {test: 0}}",
            [
                "run.yaml:15: spec.evaluation.benchmarks[0].source: the split has no such problems; "
                "set problems.split.test above 0"
            ],
        ),
        (
            "evaluation: {}",
            "evaluation: {benchmarks: []}",
            ["run.yaml:15: spec.evaluation.benchmarks: nothing to evaluate on; add `{source: held-out}`"],
        ),
        (
            "evaluation: {}",
            "evaluation: {benchmarks: [{source: mbpp, path: p}, {source: mbpp, path: q}]}",
            ["run.yaml:15: spec.evaluation.benchmarks[1].name: `mbpp` is given 2 times; give each its own `name`"],
        ),
        (
            "evaluation: {}",
            "evaluation: {benchmarks: [{source: mbpp, path: p}, {source: mbpp, path: q, name: again}]}",
            [],
        ),
        (
            "evaluation: {}",
            "evaluation: {benchmarks: [{source: humaneval}]}",
            [
                "run.yaml:15: spec.evaluation.benchmarks[0].path: missing; humaneval is read from it; "
                "give a file, folder, URI or hub id"
            ],
        ),
        (
            "evaluation: {}",
            "evaluation: {benchmarks: [{source: held-out, path: p}]}",
            [
                "run.yaml:15: spec.evaluation.benchmarks[0].path: held-out is a split of the run's own problems; "
                "remove it"
            ],
        ),
        (
            "evaluation: {}",
            "evaluation: {benchmarks: [{source: mbpp, path: p, select: {since: 2024-01-01}}]}",
            ["run.yaml:15: spec.evaluation.benchmarks[0].select.since: mbpp has no since; remove it"],
        ),
        ("evaluation: {}", "evaluation: {}\n  storage: {uri: s3://bucket/x}", []),
    ],
)
def test_sections_that_contradict_each_other(path: Path, old: str, new: str, message: list[str]) -> None:
    path.write_text(GOOD.replace(old, new))
    if message:
        assert refusal(path) == message
    else:
        manifest.load(path)


def test_rejected_steps_must_come_from_some_teacher(path: Path) -> None:
    path.write_text(GOOD.replace("      - {kind: policy, samples: 4}\n", ""))
    assert refusal(path, ["policy.dpo={origins: [policy]}", "policy.controls=[{kind: rft}]"]) == [
        "--set policy.dpo={origins: [policy]}: spec.policy.dpo.origins: no teacher makes rejected steps of policy; "
        "the teachers make: mutation",
        "--set policy.controls=[{kind: rft}]: spec.policy.controls[0]: rft needs programs that the policy wrote; "
        "add `{kind: policy}` to supervision.teachers",
    ]


def test_a_spec_with_only_evaluation_is_valid(path: Path) -> None:
    text = GOOD[: GOOD.index("  supervision:")].replace("{scratch: {preset: nano}", "{path: org/name")
    path.write_text(text + "  evaluation: {}\n")
    assert manifest.load(path).stages() == ["evaluate"]
    path.write_text(text)
    assert refusal(path) == [
        "run.yaml:4: spec: no stage to run; add at least one of supervision, sft, reward, policy, evaluation"
    ]


def test_pretraining_needs_a_model_from_scratch(path: Path) -> None:
    path.write_text(GOOD.replace("{scratch: {preset: nano}", "{path: org/name").replace("reward: {}", "pretrain: {}"))
    assert refusal(path) == [
        "run.yaml:11: spec.pretrain: only a model from scratch is pre-trained; remove it, or give `model.scratch`"
    ]


def test_a_teacher_without_kind_is_told_every_kind(path: Path) -> None:
    path.write_text(GOOD.replace("kind: policy, samples", "samples"))
    assert refusal(path) == [
        "run.yaml:10: spec.supervision.teachers[1]: has no `kind`; add `kind: rules`, `kind: llm` or `kind: policy`"
    ]


def test_a_field_of_another_kind_is_told_so(path: Path) -> None:
    path.write_text(GOOD.replace("kind: rules", "kind: rules, samples: 4"))
    assert refusal(path) == [
        "run.yaml:9: spec.supervision.teachers[0].samples: is not a field of this `kind`; remove it, or change `kind`"
    ]


def test_only_the_section_of_the_algorithm_is_filled_in(path: Path) -> None:
    policy = manifest.load(path).spec.policy
    assert policy is not None
    assert policy.dpo is not None
    assert policy == Policy(learning_rate=1e-4, controls=policy.controls, dpo=policy.dpo)
    assert manifest.load(path, ["policy.dpo=null"]).spec.policy == policy


def test_the_fields_for_clusters_are_accepted_and_named(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    sets = ["suspend=true", "stages={policy: {nodes: 2, env: [{name: HF_HOME, value: /cache}]}}", "queueName=gpus"]
    assert ignored_locally(manifest.load(path)) == []
    assert ignored_locally(manifest.load(path, sets)) == ["spec.stages", "spec.suspend", "spec.queueName"]
    command = ["validate", str(path), *(word for one in sets for word in ("--set", one))]
    assert main(command) == 0
    assert f"{path}: spec.suspend: ignored on this machine; it applies on a cluster" in capsys.readouterr().err
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")  # as in every pod
    assert main(command) == 0
    assert "ignored" not in capsys.readouterr().err


def test_a_kubernetes_object_is_read_without_its_status_and_added_metadata(path: Path) -> None:
    run = manifest.load(path)
    document = run.model_dump(mode="json", by_alias=True)
    document["metadata"] |= {"uid": "1", "resourceVersion": "2"}
    assert manifest.from_object({**document, "status": {"phase": "Running"}}) == run
    document["spec"]["storage"]["uri"] = "s3://bucket/runs"  # only the local engine needs a local folder
    assert manifest.from_object(document).spec.storage.uri == "s3://bucket/runs"
    document["spec"]["policy"]["epochs"] = 0
    with pytest.raises(InputError, match=r"^spec\.policy\.epochs: must be above 0\.0, not 0$"):
        manifest.from_object(document)
