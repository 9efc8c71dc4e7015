"""A model behind a service, for synchronous code: what scorers and engines elsewhere have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from prlcoder.policy.serving.client import PolicyClient
from prlcoder.prm.serving.client import PrmClient
from prlcoder.rpc.blocking import Blocking

M = TypeVar("M", bound=PrmClient | PolicyClient)


class RemoteModel(Blocking[M]):
    """The model behind the client that ``make`` makes. With ``model`` (a folder that the server can read, or a hub id)
    the server is made to serve it first, its content as it is now; without, whatever it serves answers."""

    def __init__(self, make: Callable[[], M], model: str | None) -> None:
        super().__init__(make)
        self._model = model
        if model is not None:
            self._thread.run(self._client.update(self._info().weights_version + 1, model))

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer, loaded here."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._model or self._info().uri)

    def _info(self) -> Any:
        """What serves now: the response of ``GetModelInfo``."""
        return self._thread.run(self._client.info())
