"""The ``prlcoder`` command. Only the chosen command's module is imported, so that every command starts at once.

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
    "run": "run a TrainingRun on this machine (or go on with one)",
    "validate": "check a TrainingRun and say what is wrong with it",
    "plan": "show the stages that `run` would execute",
    "problems": "inspect, convert or verify problem sets",
    "segment": "cut programs into steps",
    "execute": "run programs against their problems' tests in the sandbox",
    "supervise": "build a process-supervised data set",
    "export": "export a supervision folder for other trainers",
    "train": "run one training stage of a TrainingRun by itself",
    "evaluate": "run the evaluate stage of a TrainingRun by itself",
    "report": "draw the report of a run folder",
    "compare": "compare the results of two runs",
    "serve": "serve the parts over gRPC",
    "doctor": "check this machine and say what to do",
    "preflight": "check what a stage needs before it starts (in a cluster's init container)",
}

# How torch's threads wait for each other; read once, when torch is loaded (see training.cpu). GNU's OpenMP goes by
# the first where it knows both: some tenths of a millisecond of spinning, then sleep.
WAITING = {"GOMP_SPINCOUNT": "100000", "OMP_WAIT_POLICY": "PASSIVE"}


def main(argv: list[str] | None = None) -> int:
    """Run one command; the return value is the exit code (0 done, 1 work failed, 2 wrong input or usage)."""
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="prlcoder", description="Process-supervised RL for code generation.")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == chosen:
            module = importlib.import_module(f"prlcoder.cli.{name}")
            module.add_arguments(command)
            command.set_defaults(function=module.run)
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
    except BrokenPipeError:  # the reader of our output went away (`| head`); nothing more can be said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
