"""The types of MBPP+'s arguments that JSON cannot express: tuples, sets and complex numbers.

The tasks are those that EvalPlus converts when it reads its file. A table entry gives the type of each argument; the
last one holds for all further arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Converter = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _tuple_list(value: Any) -> Any:
    return [_tuple(item) for item in value] if isinstance(value, list) else value


def _tuple_of_tuples(value: Any) -> Any:
    return _tuple(_tuple_list(value))


def _deep_tuple(value: Any) -> Any:
    return tuple(map(_deep_tuple, value)) if isinstance(value, list) else value


def _set_list(value: Any) -> Any:
    """A list of sets; EvalPlus puts an empty dict in the place of an empty list."""
    return [set(item) if isinstance(item, list) and item else {} for item in value]


def _tuple_values(value: Any) -> Any:
    return {key: _tuple(item) for key, item in value.items()}


_TYPES: Final[tuple[tuple[tuple[Converter, ...], tuple[int, ...]], ...]] = (
    (
        (_tuple,),
        (2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809),
    ),
    ((_tuple_list,), (63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780)),
    ((_tuple_list, _same), (75, 413, 444, 753)),
    ((_same, _tuple), (106, 750)),
    ((_set_list, _same), (115,)),
    ((float, complex), (124,)),
    ((_tuple, _same), (250, 307, 405, 446, 617, 720, 763, 808)),
    ((complex,), (252,)),
    ((_tuple_of_tuples,), (259, 278, 401, 445)),
    ((_deep_tuple,), (580, 615, 791)),
    ((_tuple_values, _same), (722,)),
)
_BY_TASK: Final[dict[str, tuple[Converter, ...]]] = {
    str(task): converters for converters, tasks in _TYPES for task in tasks
}


def typed_arguments(task: str, arguments: list[Any]) -> tuple[Any, ...]:
    """The arguments of one call of the task with their types.

    >>> typed_arguments("2", [[1, 2], [3]])
    ((1, 2), (3,))
    """
    converters = _BY_TASK.get(task, (_same,))
    padded = [*converters, *[converters[-1]] * len(arguments)]
    return tuple(convert(value) for convert, value in zip(padded, arguments, strict=False))
