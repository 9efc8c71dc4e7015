"""The options that say which problems of a source are meant, and how they are read."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from prlcoder.errors import InputError

if TYPE_CHECKING:
    from prlcoder.spec import Hub, Select


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The fields of `problems` in a TrainingRun that say which problems and how, checked by the same models."""
    parser.add_argument("--normalize-indent", choices=("spaces4", "tab", "keep"), default="spaces4")
    parser.add_argument("--overrides", metavar="O.jsonl", help="better canonical solutions for some problems")
    select = parser.add_argument_group("which problems")
    select.add_argument("--release", metavar="R", help="of LiveCodeBench: release_v1 to release_v6, release_latest")
    select.add_argument("--since", metavar="DAY", help="first day of the contest, as 2024-08-01")
    select.add_argument("--until", metavar="DAY", help="last day of the contest")
    select.add_argument("--difficulty", action="append", metavar="NAME", help="APPS calls it level; may be repeated")
    select.add_argument("--platform", action="append", metavar="NAME", help="may be repeated")
    hub = parser.add_argument_group("what of a Hugging Face data set")
    hub.add_argument("--hub-config", metavar="NAME")
    hub.add_argument("--hub-split", metavar="NAME", help="one split (default: all)")
    hub.add_argument("--hub-revision", metavar="COMMIT")


def selection(arguments: argparse.Namespace) -> tuple[Select, Hub]:
    """The options as sections of the spec; ``InputError`` names the option that is wrong."""
    from pydantic import ValidationError

    from prlcoder.spec import Hub, Select

    try:
        select = Select(
            release=arguments.release,
            since=arguments.since,
            until=arguments.until,
            difficulty=tuple(arguments.difficulty or ()),
            platform=tuple(arguments.platform or ()),
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = f"--{first['loc'][0]}" if first["loc"] else "--since"
        raise InputError(f"{option}: {first['msg'].removeprefix('Value error, ')}") from None
    return select, Hub(config=arguments.hub_config, split=arguments.hub_split, revision=arguments.hub_revision)
