"""LoRA adapters as PEFT saves them: recognises their folders, and loads them merged into their base.

An adapter folder holds ``adapter_config.json``, which names the base, and no ``config.json``. The base may be an
adapter too (a policy trained on top of a fine-tuned one); then the whole chain is merged. The adapter of a reward model
also holds its head, and ``labels.json`` with the meaning of its classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.modeling.configs import load_config, unloaded_model
from prlcoder.modeling.model_source import ADAPTER_CONFIG, ModelSource
from prlcoder.telemetry.progress import Progress

LABELS: Final = "labels.json"
STEP_LABELS: Final = {0: "rejected", 1: "chosen"}  # the classes of a reward model's head


@dataclass(frozen=True)
class AdapterFolder:
    """A folder with an adapter. ``base`` is the folder or hub id of the model that it changes."""

    folder: Path
    base: str
    is_reward_model: bool

    @classmethod
    def at(cls, path: str) -> AdapterFolder | None:
        """The adapter at ``path``; None for a whole model or a hub id. ``InputError`` if its base is missing."""
        folder = Path(path)
        config = folder / ADAPTER_CONFIG
        if not config.is_file() or (folder / "config.json").is_file():
            return None
        values = ModelSource(path).read_json(ADAPTER_CONFIG) or {}
        base = values.get("base_model_name_or_path")
        if not base or not isinstance(base, str):
            raise InputError(f"{config}: base_model_name_or_path: is missing; name the folder or hub id of its base")
        if (Path(base).is_absolute() or base.startswith(".") or base.count("/") > 1) and not Path(base).is_dir():
            raise InputError(
                f"{config}: base_model_name_or_path: the adapter is for {base}, which is not on this machine; copy "
                "the base there, or write its present folder or hub id into this file"
            )
        return cls(folder, base, values.get("task_type") == "TOKEN_CLS")

    def labels(self) -> dict[int, str]:
        """The class names of a reward model. ``InputError`` without the file that names them."""
        file = self.folder / LABELS
        if not file.is_file():
            raise InputError(
                f"{file}: is missing, so the meaning of the adapter's classes is unknown; merge the adapter with PEFT "
                "and give the merged model"
            )
        return {int(number): str(name) for number, name in json.loads(file.read_text(encoding="utf-8")).items()}


def adapter_chain(path: str) -> list[AdapterFolder]:
    """The adapter at ``path``, the one that it is for, and so on; empty for a whole model.

    Raises ``InputError`` if an adapter is for itself.
    """
    chain: list[AdapterFolder] = []
    seen: set[Path] = set()
    while (adapter := AdapterFolder.at(path)) is not None:
        if adapter.folder.resolve() in seen:
            raise InputError(
                f"{adapter.folder / ADAPTER_CONFIG}: base_model_name_or_path: leads back to this adapter, so no model "
                "is below it; name the folder or hub id of its base"
            )
        seen.add(adapter.folder.resolve())
        chain.append(adapter)
        path = adapter.base
    return chain


def below_adapters(path: str) -> str:
    """The folder or hub id of the whole model below all adapters; ``path`` itself if it is one."""
    chain = adapter_chain(path)
    return chain[-1].base if chain else path


def base_config(path: str) -> Any:
    """The configuration of the whole model below all adapters. ``InputError`` names the adapter that is for it."""
    chain = adapter_chain(path)
    if not chain:
        return load_config(path)
    try:
        return load_config(chain[-1].base)
    except InputError as error:
        raise InputError(f"{chain[-1].folder / ADAPTER_CONFIG}: base_model_name_or_path: {error}") from None


def tokenizer_location(path: str) -> str:
    """Where the tokenizer of the model at ``path`` is: beside an adapter, or else at its base."""
    chain = adapter_chain(path)
    beside = next((one.folder for one in chain if (one.folder / "tokenizer_config.json").is_file()), None)
    return str(beside) if beside is not None else chain[-1].base if chain else path


def load_model(kind: Any, path: str, *, dtype: Any, **settings: Any) -> tuple[Any, list[str]]:
    """The model of the ``AutoModel`` class ``kind`` at ``path``, adapters merged, and the sorted names of the weights
    that no file holds, which are random.

    ``dtype`` is a torch type or ``"auto"``, the type of the files. ``settings`` go to ``from_pretrained``.
    """
    adapter = AdapterFolder.at(path)
    if adapter is None:
        arguments = {**ModelSource.of(path).arguments, **settings}
        with Progress(f"load {Path(path).name}", total=None, unit="models", final=False):
            model, found = kind.from_pretrained(**arguments, dtype=dtype, output_loading_info=True)
        if "gguf_file" in arguments:
            _forget_gguf(model)
        return model, sorted(found["missing_keys"])
    for_classifier = "TokenClassification" in kind.__name__
    if adapter.is_reward_model and not for_classifier:
        raise InputError(f"model {path}: is the adapter of a reward model and no language model; give a policy")
    if for_classifier and not adapter.is_reward_model:
        return _classifier_on(path, kind, dtype=dtype, **settings)
    if adapter.is_reward_model:
        settings = {**settings, "config": classifier_config(adapter.base, adapter.labels())}
    model, missing = load_model(kind, adapter.base, dtype=dtype, **settings)
    return merge(model, str(adapter.folder)), [] if adapter.is_reward_model else missing


def classifier_config(path: str, labels: dict[int, str]) -> Any:
    """The configuration of a token classifier with these class names on the backbone of ``path``, without dropout."""
    config = base_config(path)
    config.num_labels = len(labels)
    config.id2label, config.label2id = dict(labels), {name: number for number, name in labels.items()}
    config.classifier_dropout = 0.0  # some families read it with a default of 0.1 that is in no configuration
    return config


def _forget_gguf(model: Any) -> None:
    """Remove the marks of a quantised model. A GGUF file's weights are plain numbers once they are loaded, but the
    marks would forbid training and saving them."""
    for owner, names in (
        (model, ("hf_quantizer", "is_quantized", "quantization_method")),
        (model.config, ("quantization_config", "_is_quantized")),
    ):
        for name in names:
            if name in vars(owner):
                delattr(owner, name)


def merge(model: Any, folder: str) -> Any:
    """``model`` with the adapter of ``folder`` added to its weights."""
    from peft import PeftModel

    merged = PeftModel.from_pretrained(model, folder).merge_and_unload()
    for weight in merged.parameters():
        weight.requires_grad_(True)  # PEFT has frozen them, and whoever trains the merged model would train nothing
    return merged


def _classifier_on(path: str, kind: Any, *, dtype: Any, **settings: Any) -> tuple[Any, list[str]]:
    """A token classifier whose backbone is the language model at ``path``, an adapter, and whose head is random."""
    from transformers import AutoModelForCausalLM

    policy, _ = load_model(AutoModelForCausalLM, path, dtype=dtype)
    config = settings.get("config") or classifier_config(path, STEP_LABELS)
    model = unloaded_model(kind, config, dtype=policy.dtype)
    model.base_model.load_state_dict(policy.base_model.state_dict())
    backbone = {id(weight) for weight in model.base_model.parameters()}
    return model, sorted(name for name, weight in model.named_parameters() if id(weight) not in backbone)
