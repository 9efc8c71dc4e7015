"""Every command and every argument is documented."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from prlcoder.cli.main import COMMANDS, command_parser
from prlcoder.cli.reference import page


def arguments(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a command and of its sub-commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from arguments(below)
        else:
            yield action


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_has_a_help_text_and_a_row_on_the_page(command: str) -> None:
    text = page()
    assert f"## `prlcoder {command}`" in text
    for action in arguments(command_parser(command)):
        assert action.help, f"{command} {action.dest}"
        for option in action.option_strings[:1]:
            assert option in ("-h", "--help") or f"| `{option}" in text, f"{command} {option}"
