"""The classes that put a two-label head on a causal backbone, for families with and without one in ``transformers``.

``transformers`` has no token classifier for Gemma 3, Granite, OLMo 2, Cohere, CodeGen, DeepSeek-V2 and others. For
these a class is made here from the family's own base model and ``transformers``' generic head. A folder that such a
model is saved to is loaded by this module only; its model card says so.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import STEP_LABELS

CHOSEN: Final = "chosen"


def classifier_class(config: Any) -> Any:
    """The ``from_pretrained`` class of a token classifier for this configuration.

    Raises ``InputError`` if ``transformers`` has not even a base model for it.
    """
    from transformers import AutoModelForTokenClassification
    from transformers.models.auto.modeling_auto import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, MODEL_MAPPING

    if type(config) in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING:
        return AutoModelForTokenClassification
    if type(config) not in MODEL_MAPPING:
        raise InputError(
            f"config.json: model_type: {config.model_type!r} has no base model in transformers that a reward model's "
            "head could be put on; choose a base of a family in docs/models.md"
        )
    return _wrapped_class(MODEL_MAPPING[type(config)])


def has_own_class(config: Any) -> bool:
    """Whether ``transformers`` itself has a token classifier for this configuration."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING

    return type(config) in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING


@cache
def _wrapped_class(base: Any) -> Any:
    """A token classifier for the family of ``base``, which is loaded under the prefix of the family's checkpoints."""
    from transformers import PreTrainedModel
    from transformers.modeling_layers import GenericForTokenClassification

    family = next(parent for parent in base.__mro__[1:] if issubclass(parent, PreTrainedModel))
    name = base.__name__.removesuffix("Model") + "ForTokenClassification"
    prefix = family.base_model_prefix or "model"
    return type(name, (GenericForTokenClassification, family), {"base_model_prefix": prefix})


def chosen_label(config: Any, path: str) -> int:
    """The index of the label "chosen", found by the labels' names.

    Unnamed labels (``LABEL_0``, ``LABEL_1``) count in the order rejected, chosen. Raises ``InputError`` for other
    names, since a wrong guess would invert every score.
    """
    names = {int(index): str(name).lower() for index, name in config.id2label.items()}
    if len(names) != len(STEP_LABELS):
        raise InputError(
            f"model {path}: config.json: id2label: has {len(names)} labels and not the two of a reward model, rejected "
            "and chosen; give a token classifier with these two, such as the folder `reward` of a run"
        )
    if set(names.values()) == set(STEP_LABELS.values()):
        return next(index for index, name in names.items() if name == CHOSEN)
    if names == {0: "label_0", 1: "label_1"}:
        return 1
    raise InputError(
        f"model {path}: config.json: id2label: {config.id2label} does not say which label is the good one; name the "
        f"labels {' and '.join(STEP_LABELS.values())}"
    )
