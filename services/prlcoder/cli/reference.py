"""Prints the reference page of the command line, generated from the parsers: ``python -m prlcoder.cli.reference``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from prlcoder.cli.main import COMMANDS, command_parser

HEADER = """# Command line

This page lists every command with its arguments. `python -m prlcoder.cli.reference > docs/reference/cli.md` generates
it from the parsers, and a test checks that it is up to date. `prlcoder --version` prints the version.

Results go to standard output or to the file that an option names; progress and log go to standard error. The exit code
is 0 if the work is done, 1 if it failed, and 2 for invalid input or usage. `prlcoder preflight` has an exit code of its
own: 75.
"""


def page() -> str:
    """The whole page, as Markdown."""
    sections = [text for name in COMMANDS for text in _sections(f"prlcoder {name}", command_parser(name), "")]
    return HEADER + "\n" + "\n".join(sections)


def _sections(name: str, parser: argparse.ArgumentParser, summary: str) -> Iterator[str]:
    """The section of a command, and those of its sub-commands. ``summary`` stands in for a missing description."""
    subcommands = next((one for one in parser._actions if isinstance(one, argparse._SubParsersAction)), None)
    lines = [f"## `{name}`", "", parser.description or f"{summary[0].upper()}{summary[1:]}.", ""]
    rows = [row for group in parser._action_groups for row in _rows(group)]
    if rows:
        lines += ["| argument | meaning |", "|---|---|", *rows, ""]
    yield "\n".join(lines)
    if subcommands is not None:
        summaries = {one.dest: one.help or "" for one in subcommands._choices_actions}
        for subcommand, below in subcommands.choices.items():
            yield from _sections(f"{name} {subcommand}", below, summaries[subcommand])


def _rows(group: argparse._ArgumentGroup) -> Iterator[str]:
    for action in group._group_actions:
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            yield f"| {_signature(action)} | {_meaning(action)} |"


def _signature(action: argparse.Action) -> str:
    """`--workers N`, or `FILE` for an argument without a name."""
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    text = str(value[0] if isinstance(value, tuple) else value).replace("|", "\\|")
    if not action.option_strings:
        return f"`{text}`"
    return f"`{action.option_strings[0]}`" if action.nargs == 0 else f"`{action.option_strings[0]} {text}`"


def _meaning(action: argparse.Action) -> str:
    text = (action.help or "").replace("|", "\\|") % {**vars(action), "prog": "prlcoder"}
    return f"{text} (required)" if action.required and action.option_strings else text


if __name__ == "__main__":
    sys.stdout.write(page())
