"""The ``prlcoder`` command. Only the module of the chosen command is imported, so that every command starts fast.

A command's module has ``add_arguments(parser)`` and ``run(arguments) -> exit code``.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys

from prlcoder.errors import PrlcoderError

COMMANDS = {
    "run": "run a TrainingRun on this machine, or continue one",
    "validate": "check a TrainingRun and say what is wrong with it",
    "plan": "show what `run` would do with each stage",
    "problems": "inspect, convert or verify problem sets",
    "segment": "divide programs into segments",
    "execute": "execute programs against their problems' tests in the sandbox",
    "supervise": "build a process-supervised data set",
    "export": "export a supervision folder for other trainers",
    "train": "run one training stage of a TrainingRun alone",
    "evaluate": "run the stage `evaluate` alone, or measure recorded samples",
    "report": "write the report of a run folder",
    "compare": "compare the results of two runs",
    "serve": "serve one service, or all five, over gRPC",
    "submit": "give a TrainingRun to a Kubernetes cluster",
    "status": "show the state of a cluster's runs, or of one run",
    "ls": "list the runs of a cluster",
    "logs": "print the logs of a cluster's run",
    "cancel": "end a cluster's run and remove it; its storage stays",
    "doctor": "check what this machine offers and what is missing",
    "preflight": "check what a stage needs before it starts (in a cluster's init container)",
}

# How torch's threads wait for each other. The variables are read once, when torch is loaded (see modeling/cpu.py).
# GNU's OpenMP prefers the first: its threads spin for some tenths of a millisecond and then sleep.
OPENMP_VARIABLES = {"GOMP_SPINCOUNT": "100000", "OMP_WAIT_POLICY": "PASSIVE"}


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 work failed, 2 invalid input or usage."""
    for name, value in OPENMP_VARIABLES.items():
        os.environ.setdefault(name, value)
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="prlcoder", description="Process-supervised RL for code generation.")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=_sentence(summary))
        if name == chosen:
            _complete(command, name)
    options = parser.parse_args(arguments)
    if options.version:
        from importlib.metadata import version

        print(f"prlcoder {version('prlcoder')}")
        return 0
    if options.command is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        code: int = options.function(options)
        sys.stdout.flush()
        return code
    except PrlcoderError as error:
        print(f"prlcoder {options.command}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"prlcoder {options.command}: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of standard output ended (`| head`), so nothing more can be printed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def command_parser(name: str) -> argparse.ArgumentParser:
    """The parser of one command by itself, for the reference page."""
    parser = argparse.ArgumentParser(prog=f"prlcoder {name}", description=_sentence(COMMANDS[name]))
    _complete(parser, name)
    return parser


def _complete(parser: argparse.ArgumentParser, name: str) -> None:
    module = importlib.import_module(f"prlcoder.cli.{name}")
    module.add_arguments(parser)
    parser.set_defaults(function=module.run)


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."
