"""The options that select problems of a source and say how to read them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from prlcoder.errors import InputError

if TYPE_CHECKING:
    from prlcoder.spec import Hub, Select


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Adds the options, which are fields of `problems` in a TrainingRun and are checked by the same models."""
    parser.add_argument(
        "--normalize-indent",
        choices=("spaces4", "tab", "keep"),
        default="spaces4",
        help="indentation per level of solutions, prompt and starter code (default: spaces4)",
    )
    parser.add_argument("--overrides", metavar="O.jsonl", help="replacements of canonical solutions")
    select = parser.add_argument_group("selection of problems")
    select.add_argument("--release", metavar="R", help="LiveCodeBench: release_v1 to release_v6, or release_latest")
    select.add_argument("--since", metavar="DAY", help="first day of the contest, as 2024-08-01")
    select.add_argument("--until", metavar="DAY", help="last day of the contest")
    select.add_argument(
        "--difficulty", action="append", metavar="NAME", help="difficulty (level in APPS); may be repeated"
    )
    select.add_argument("--platform", action="append", metavar="NAME", help="platform of the contest; may be repeated")
    hub = parser.add_argument_group("Hugging Face data sets")
    hub.add_argument("--hub-config", metavar="NAME", help="configuration (subset) of the data set")
    hub.add_argument("--hub-split", metavar="NAME", help="one split (default: all)")
    hub.add_argument("--hub-revision", metavar="COMMIT", help="commit, branch or tag")


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
