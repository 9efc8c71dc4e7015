"""Tells whether two tokenizers give their tokens the same ids."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def vocabulary_digest(tokenizer: Any) -> str:
    """SHA-256 of the tokens with their ids, hexadecimal. Token ids of two models mean the same only if it is equal."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda entry: (entry[1], entry[0]))
    return hashlib.sha256(json.dumps(vocabulary).encode()).hexdigest()
