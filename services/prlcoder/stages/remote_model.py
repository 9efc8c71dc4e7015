"""A model behind a service, for synchronous code: the common part of the remote scorer and the remote engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from prlcoder.policy.serving.client import PolicyClient
from prlcoder.prm.serving.client import PrmClient
from prlcoder.rpc.blocking import Blocking

INFO_TIMEOUT_S: Final = 60.0  # a call that computes nothing; a server that takes longer cannot be reached

M = TypeVar("M", bound=PrmClient | PolicyClient)


class RemoteModel(Blocking[M]):
    """The model behind the client that ``make`` returns.

    ``model`` is a folder that the server can read, or a hub id. The server first switches to it, with its present
    content. With ``model=None`` the server's present model is used.
    """

    def __init__(self, make: Callable[[], M], model: str | None) -> None:
        super().__init__(make)
        self._model = model
        if model is not None:
            self._thread.run(self._client.update(self._info().weights_version + 1, model))

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer, loaded in this process."""
        from prlcoder.modeling.tokenizer_loading import load_tokenizer

        return load_tokenizer(self._model or self._info().uri)

    def _serves(self, uri: str) -> bool:
        """Whether ``uri`` of the server's answer is the model that it was given."""
        return self._model is not None and same_model(uri, self._model)

    def _info(self) -> Any:
        """The model that is serving: the response of ``GetModelInfo``."""
        return self._thread.run(self._client.info(timeout_s=INFO_TIMEOUT_S))


def same_model(one: str, other: str) -> bool:
    """Whether two strings name the same folder or hub id."""
    if Path(one).is_dir() and Path(other).is_dir():
        return Path(one).resolve() == Path(other).resolve()
    return one == other
