"""Checks the weight files of a local folder before they are loaded: complete, present, and right for the configuration.

Only headers are read, so the check of a 7 B model takes seconds.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.modeling.configs import invalid_config
from prlcoder.modeling.model_source import ModelSource, file_damage, trusts_remote_code, unloadable
from prlcoder.modeling.safetensors_check import Shapes, check_shapes, read_shapes

WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")  # transformers reads the first of them that exists
_ZIP_BEGINNING: Final = b"PK"
_PICKLE_BEGINNING: Final = b"\x80"  # of files that torch wrote before version 1.6
MAX_FILES_SHOWN: Final = 3


def check_weight_files(
    source: ModelSource, path: str, config: Any, kind: Any, *, head: Sequence[str] = ()
) -> list[str]:
    """Raises ``InputError`` for missing, truncated or misshapen weights. Hub ids and GGUF files are not looked at.

    ``kind`` is the ``from_pretrained`` class. Weights whose name begins with one of ``head`` may be missing; their
    names are returned.
    """
    folder = source.folder
    if folder is None or source.gguf_file is not None:
        return []
    shapes: Shapes = {}
    for file in weight_files(source, folder):
        if file.suffix == ".safetensors":
            shapes.update(read_shapes(file))
        else:
            _check_archive(file)
    try:
        check_shapes(source, folder, config, kind, shapes)
    except InputError:
        raise
    except Exception as error:  # whatever the family's classes raise for values that do not fit together
        raise invalid_config(source, path, error) from error
    missing, unknown = _differences(source, path, config, kind)
    of_head = [one for one in missing if one.split(".")[0] in head]
    _require_complete(path, config, sorted({*missing} - {*of_head}), unknown, shapes)
    return of_head


def weight_files(source: ModelSource, folder: Path) -> list[Path]:
    """The files that ``from_pretrained`` reads. Raises ``InputError`` if one is missing or if there are none."""
    for name in WEIGHTS:
        if (folder / name).is_file():
            return [folder / name]
        index = f"{name}.index.json"
        if (values := source.read_json(index)) is None:
            continue
        named = values.get("weight_map")
        if not named or not isinstance(named, dict):
            raise InputError(f"{folder / index}: weight_map: is missing, so no shard is named; download the file again")
        shards = sorted({str(one) for one in named.values()})
        if missing := [one for one in shards if not (folder / one).is_file()]:
            raise InputError(f"{folder / index}: names {missing[0]}, which is missing; download the model completely")
        return [folder / one for one in shards]
    raise InputError(_no_weights(folder))


def _no_weights(folder: Path) -> str:
    """What to say about a folder without weights that ``from_pretrained`` would find."""
    others = sorted(file.name for kind in ("safetensors", "bin", "pt", "pth") for file in folder.glob(f"*.{kind}"))
    if any(name.startswith("model-") for name in others):
        return (
            f"{folder}: contains shards of weights ({others[0]}) without model.safetensors.index.json, which says what "
            "is in them; download the model completely"
        )
    if others:
        shown = ", ".join(others[:MAX_FILES_SHOWN])
        return (
            f"model {folder}: contains no weights (model.safetensors or its shards), but {shown}; give a folder in the "
            "layout of transformers, as save_pretrained or the hub's download makes it"
        )
    return f"model {folder}: contains no weights (*.safetensors); download the model completely"


def _check_archive(file: Path) -> None:
    """Raises ``InputError`` unless a ``.bin`` file has the end of a zip archive, or is of the kind before torch 1.6."""
    with file.open("rb") as opened:
        beginning = opened.read(len(_ZIP_BEGINNING))
    whole = zipfile.is_zipfile(file) if beginning == _ZIP_BEGINNING else beginning.startswith(_PICKLE_BEGINNING)
    if not whole:
        raise InputError(file_damage(file, "is truncated or damaged"))


def _differences(source: ModelSource, path: str, config: Any, kind: Any) -> tuple[list[str], list[str]]:
    """The names of the model's weights that no file holds, and those in the files that the model does not have.

    The model is loaded on the device "meta", where weights have names and shapes and no numbers.
    """
    arguments = {**source.arguments, "config": config, "device_map": "meta", "output_loading_info": True}
    try:
        with _silent():
            _, report = kind.from_pretrained(**arguments)
    except Exception as error:  # safetensors, torch and transformers raise many kinds
        if trusts_remote_code():  # such code may need numbers
            return [], []
        raise unloadable("model", path, error) from error
    return sorted(report["missing_keys"]), sorted(report["unexpected_keys"])


def _require_complete(path: str, config: Any, missing: Sequence[str], unknown: Sequence[str], found: Shapes) -> None:
    """Raises ``InputError`` if weights are missing. ``transformers`` would make them random and go on."""
    if not missing:
        return
    if renamed := next((name for name in unknown if name.endswith(f".{missing[0]}")), None):
        prefix = renamed.removesuffix(missing[0])
        raise InputError(
            f"model {path}: the names of its weights begin with {prefix!r}, which a wrapper (PEFT, torch.compile, a "
            "parallel trainer) has added; save the model inside the wrapper with save_pretrained"
        )
    if found and len(unknown) == len(found):  # no name fits
        raise InputError(
            f"model {path}: config.json: model_type: the weights are not those of a {config.model_type!r} model: they "
            f"are named {unknown[0]}, and the model's {missing[0]}; give the config.json that belongs to these weights"
        )
    raise InputError(
        f"model {path}: lacks weights ({missing[0]}); download the model completely, or give the config.json that "
        "belongs to these weights"
    )


@contextmanager
def _silent() -> Iterator[None]:
    """Without the progress bars and reports of ``transformers``: the check says itself what it has found."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(before)
