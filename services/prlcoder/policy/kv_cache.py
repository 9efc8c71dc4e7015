"""A key/value cache for sampling many short completions: buffers grow by doubling, and finished rows are removed.

``transformers.DynamicCache`` concatenates, and so copies all keys and values at every token. That costs more than the
arithmetic of a small model. Here each layer has a buffer that is longer than its contents::

    buffer  (rows, heads, capacity, head_dim)   [ k0 k1 k2 k3 k4 .  .  .  .  . ]
    keys    a view, (rows, heads, length, ...)  [ k0 k1 k2 k3 k4 ]

A new token is written behind the contents, and the view becomes one longer. When the buffer is full, the contents are
copied into a buffer of twice their length, so each state is copied about once on average.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer

MIN_CAPACITY = 64  # tokens


class RoomyLayer(DynamicLayer):  # type: ignore[misc]  # transformers has no types
    """Keys and values of one layer, ``(rows, heads, length, head_dim)``: views into longer buffers."""

    is_initialized: bool
    keys: torch.Tensor
    values: torch.Tensor

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append states along the length. Returns all keys and values so far, as views."""
        if not self.is_initialized:
            self.dtype, self.device = key_states.dtype, key_states.device
            self._key_buffer, self._value_buffer = _roomy_copy(key_states), _roomy_copy(value_states)
            self.keys = _append(self._key_buffer, 0, key_states)
            self.values = _append(self._value_buffer, 0, value_states)
            self.is_initialized = True
            return self.keys, self.values
        length = self.keys.shape[-2]
        if length + key_states.shape[-2] > self._key_buffer.shape[-2]:
            self._key_buffer, self._value_buffer = _roomy_copy(self.keys), _roomy_copy(self.values)
        self.keys = _append(self._key_buffer, length, key_states)
        self.values = _append(self._value_buffer, length, value_states)
        return self.keys, self.values

    def take(self, rows: torch.Tensor) -> None:
        """Keep these rows, in this order. A row may occur several times.

        Selecting rows copies them anyway, so the copies go straight into new buffers.
        """
        self._key_buffer, self._value_buffer = _roomy_copy(self.keys[rows]), _roomy_copy(self.values[rows])
        length = self.keys.shape[-2]
        self.keys, self.values = self._key_buffer[:, :, :length], self._value_buffer[:, :, :length]


def _roomy_copy(states: torch.Tensor) -> torch.Tensor:
    """A buffer of twice the length, at least ``MIN_CAPACITY``, that begins with a copy of ``states``.

    The places behind ``states`` are uninitialised; the views never reach them.
    """
    rows, heads, length, size = states.shape
    buffer = states.new_empty((rows, heads, max(MIN_CAPACITY, 2 * length), size))
    buffer[:, :, :length] = states
    return buffer


def _append(buffer: torch.Tensor, length: int, states: torch.Tensor) -> torch.Tensor:
    """Write ``states`` behind the first ``length`` tokens of the buffer; returns the view of all of them."""
    end = length + states.shape[-2]
    buffer[:, :, length:end] = states
    return buffer[:, :, :end]


class RoomyCache(DynamicCache):  # type: ignore[misc]
    """A ``DynamicCache`` whose full-attention layers are ``RoomyLayer``s.

    Layers of other kinds (sliding windows, recurrent states) stay as they are. They can select rows too, but copy
    their contents at every token.
    """

    layers: list[Any]

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config=config)
        self.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in self.layers]

    def take(self, rows: torch.Tensor) -> None:
        """Keep these rows of every layer, in this order. A row may occur several times."""
        for layer in self.layers:
            if isinstance(layer, RoomyLayer):
                layer.take(rows)
            else:
                layer.reorder_cache(rows)
