"""The two forms in which API objects pass through the operator: read ones stay as they are, new ones are built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ApiObject = Mapping[str, Any]
"""An object, or a part of one, as the API server gave it."""

NewObject = dict[str, Any]
"""An object, or a part of one, that is to be sent to the API server."""
