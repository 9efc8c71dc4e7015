"""``prlcoder supervise``: build a process-supervised data set from problems, or merge shards that were built apart."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prlcoder.cli.problem_arguments import add_selection, selection
from prlcoder.cli.sandbox_options import add_sandbox_options, limits_from, packages_from
from prlcoder.cli.teacher_arguments import add_teacher_arguments, print_estimates, teachers_of
from prlcoder.errors import InputError

if TYPE_CHECKING:
    from prlcoder.problems.model import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder supervise``."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--problems", metavar="P", help="a file, a folder, a URI, a hub id, or `nano`")
    source.add_argument(
        "--merge", nargs="+", type=Path, metavar="DIR", help="merge these finished shards into one folder"
    )
    parser.add_argument(
        "--shard",
        type=shard,
        default=(1, 1),
        metavar="i/n",
        help="build only the i-th of every n problems, to merge the shards later",
    )
    parser.add_argument("--format", default="auto", help="format of the problem set (default: detected)")
    parser.add_argument(
        "--segmentation", choices=("line", "block"), default="block", help="size of a segment (default: block)"
    )
    parser.add_argument(
        "--unit",
        choices=("segment", "solution"),
        default="segment",
        help="what is rewritten and labelled: segments, or solutions for an outcome reward model (default: segment)",
    )
    parser.add_argument(
        "--labels",
        choices=("strict", "paper"),
        default="strict",
        help="`strict`: generated tests demote what the given tests pass; `paper`: the verdict alone (default: strict)",
    )
    parser.add_argument(
        "--use-generated", action="store_true", help="also make pairs with segments that only a generated test rejects"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of everything that is drawn (default: 0)"
    )
    parser.add_argument(
        "--pairs-per-segment",
        type=int,
        default=2,
        metavar="N",
        help="preference pairs per segment at most (default: 2)",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the supervision folder")
    parser.add_argument("--limit", type=int, metavar="N", help="read only the first N problems")
    parser.add_argument("--skip-invalid", action="store_true", help="leave out invalid records and continue")
    add_sandbox_options(parser)
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON instead of the summary")
    add_selection(parser)
    add_teacher_arguments(parser)


def shard(text: str) -> tuple[int, int]:
    """``i/n`` with 1 <= i <= n."""
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not i/n with 1 <= i <= n, such as 1/4")
    return int(number), int(count)


def run(arguments: argparse.Namespace) -> int:
    """Build, continue building, or merge; returns 0 once the folder is finished."""
    if arguments.merge:
        from prlcoder.supervision.merging import merge

        if arguments.shard != (1, 1):
            raise InputError("--shard: applies to --problems, not to --merge; remove it")
        _report(merge(arguments.merge, arguments.out), as_json=arguments.json)
        return 0
    return _build(arguments)


def _build(arguments: argparse.Namespace) -> int:
    from prlcoder.problems.reading import read
    from prlcoder.spec import ExecutionSettings, Services
    from prlcoder.stages.services import open_executor, segmenter
    from prlcoder.supervision.build import Settings, build
    from prlcoder.supervision.teachers import described, proposing

    select, hub = selection(arguments)

    def problems() -> Iterator[Problem]:
        return read(
            arguments.problems,
            format=arguments.format,
            normalize_indent=arguments.normalize_indent,
            skip_invalid=arguments.skip_invalid,
            limit=arguments.limit,
            select=select,
            overrides=arguments.overrides,
            hub=hub,
        )

    limits, packages = limits_from(arguments), packages_from(arguments)
    sections = teachers_of(arguments)
    settings = Settings(
        mode=arguments.segmentation,
        seed=arguments.seed,
        labels=arguments.labels,
        unit=arguments.unit,
        use_generated=arguments.use_generated,
        shard=arguments.shard,
        pairs_per_segment=arguments.pairs_per_segment,
        limits=limits,
        described=[described(section) for section in sections],
    )
    services = Services()  # addresses come from the environment
    teachers = proposing(sections, services, seed=arguments.seed, folder=arguments.out)
    if arguments.estimate:
        return print_estimates(problems(), teachers, arguments.segmentation)
    next(problems(), None)  # a wrong path or format is reported before any sandbox starts
    sandbox = ExecutionSettings(
        workers=arguments.workers,
        profile=arguments.profile,
        cpu_limit=limits.cpu_s,
        wall_limit=limits.wall_s,
        memory_limit=limits.memory_mib,
        test_limit=limits.test_s,
        packages=None if packages is None else str(packages.path),
        preload=tuple(arguments.preload),
    )
    with open_executor(services, sandbox) as executor:
        manifest, nothing_to_do = build(
            problems, arguments.out, settings, teachers=teachers, executor=executor, segmenter=segmenter(services)
        )
    if nothing_to_do:
        print(f"{arguments.out} is finished; nothing to do", file=sys.stderr)
    _report(manifest, as_json=arguments.json)
    return 0


def _report(manifest: dict[str, Any], *, as_json: bool) -> None:
    """Print the manifest, or its summary."""
    from prlcoder.supervision.statistics import render

    if as_json:
        print(json.dumps(manifest, indent=1))
    else:
        print(render(manifest["counts"]))
        print(f"\ncontent hash {manifest['content_hash']}")
