"""Checks an adapter's folder before it is loaded: its configuration, its weights, and whether both fit its base.

Only headers are read. Adapters change weights (LoRA and its like), so they can be merged into their base. Those that
put trained tokens before every text (prompt tuning and its like) cannot.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import AdapterFolder
from prlcoder.modeling.configs import unloaded_model
from prlcoder.modeling.model_source import ADAPTER_CONFIG, reason
from prlcoder.modeling.safetensors_check import Shapes, read_shapes

WEIGHTS: Final = ("adapter_model.safetensors", "adapter_model.bin")


def check_adapter(adapter: AdapterFolder, config: Any, kind: Any) -> None:
    """Raises ``InputError`` unless the adapter can be merged into the model that ``kind`` makes of ``config``."""
    file = next((adapter.folder / name for name in WEIGHTS if (adapter.folder / name).is_file()), None)
    if file is None:
        raise InputError(f"model {adapter.folder}: contains no {WEIGHTS[0]}; copy the adapter completely")
    found = read_shapes(file) if file.suffix == ".safetensors" else None
    expected = _expected_shapes(adapter, config, kind)
    if found is not None:
        _check_shapes(adapter.folder / ADAPTER_CONFIG, adapter.base, expected, found)


def _expected_shapes(adapter: AdapterFolder, config: Any, kind: Any) -> Shapes:
    """The shapes by name that the adapter's file has if it fits its base, made without memory for weights."""
    import torch
    from peft import PeftConfig, get_peft_model, get_peft_model_state_dict
    from peft.tuners.tuners_utils import BaseTuner

    file = adapter.folder / ADAPTER_CONFIG
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about fields that this version of PEFT does not know
            settings = PeftConfig.from_pretrained(str(adapter.folder))
            wrapped = get_peft_model(unloaded_model(kind, config), settings)
            shapes = {name: tuple(one.shape) for name, one in get_peft_model_state_dict(wrapped).items()}
    except KeyError as error:  # PEFT looks its classes up by this field
        raise InputError(
            f"{file}: peft_type: {reason(error)} is missing or unknown to the installed PEFT; give an adapter as "
            "PEFT's save_pretrained writes it"
        ) from error
    except Exception as error:  # PEFT and the family's classes raise many kinds
        raise InputError(
            f"{file}: the adapter does not fit its base {adapter.base} ({reason(error)}); name the base that it was "
            "trained on in base_model_name_or_path"
        ) from error
    if not isinstance(wrapped.base_model, BaseTuner):
        raise InputError(
            f"{file}: peft_type: {settings.peft_type.value} does not change weights, so it cannot be merged into its "
            "base; give an adapter such as LORA"
        )
    return shapes


def _check_shapes(file: Path, base: str, expected: Shapes, found: Shapes) -> None:
    """Compare the adapter's tensors with those that ``adapter_config.json`` makes on its base."""
    if missing := sorted(expected.keys() - found.keys()):
        raise InputError(
            f"{file}: target_modules: the adapter has no weights for {missing[0]}; give the adapter_config.json that "
            "belongs to these weights"
        )
    for name in sorted(expected):
        if expected[name] != found[name]:
            raise InputError(
                f"{file}: the configuration and its base {base} make {name} {list(expected[name])}, but the weights "
                f"have {list(found[name])}; name the base that it was trained on in base_model_name_or_path, or give "
                "the adapter_config.json that belongs to these weights (r)"
            )
