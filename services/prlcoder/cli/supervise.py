"""``prlcoder supervise``: a process-supervised data set from problems, by rules or a language model; or one data set
from shards that were built apart."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prlcoder.cli.problem_arguments import add_selection, selection
from prlcoder.cli.teacher_arguments import add_teacher_arguments, print_estimates, teachers_of
from prlcoder.errors import InputError

if TYPE_CHECKING:
    from prlcoder.problems.model import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--problems", metavar="P", help="a file, a folder, a URI, a hub id, or `nano`")
    source.add_argument("--merge", nargs="+", type=Path, metavar="DIR", help="make one folder of these finished shards")
    parser.add_argument(
        "--shard", type=shard, default=(1, 1), metavar="i/n", help="only the i-th of every n problems, to merge later"
    )
    parser.add_argument("--format", default="auto", help="format of the problem file (default: detect)")
    parser.add_argument("--segmentation", choices=("line", "block"), default="block", help="what a step is")
    parser.add_argument(
        "--unit",
        choices=("segment", "solution"),
        default="segment",
        help="what is rewritten and labelled: steps, or whole solutions (for an outcome reward model)",
    )
    parser.add_argument(
        "--labels",
        choices=("strict", "paper"),
        default="strict",
        help="`strict` (default): generated tests demote what the given ones let pass; `paper`: the verdict alone",
    )
    parser.add_argument(
        "--use-generated", action="store_true", help="make pairs with what only a generated test rejects, too"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs-per-segment", type=int, default=2, metavar="N")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the supervision folder")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N problems")
    parser.add_argument("--skip-invalid", action="store_true", help="leave out malformed records and problems")
    parser.add_argument("--workers", type=int, metavar="N", help="sandboxes (default: one a core)")
    parser.add_argument("--cpu-limit", type=float, default=10.0, metavar="S", help="CPU seconds a program")
    parser.add_argument("--wall-limit", type=float, default=20.0, metavar="S", help="wall seconds a program")
    parser.add_argument("--memory-limit", type=int, default=1024, metavar="MIB", help="MiB a program")
    parser.add_argument("--profile", choices=("auto", "namespaces", "gvisor", "degraded"), default="auto")
    parser.add_argument("--json", action="store_true", help="print the manifest instead of the summary")
    add_selection(parser)
    add_teacher_arguments(parser)


def shard(text: str) -> tuple[int, int]:
    """``i/n`` with 1 <= i <= n."""
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not i/n with 1 <= i <= n, such as 1/4")
    return int(number), int(count)


def run(arguments: argparse.Namespace) -> int:
    """Build, go on building, or merge; exit code 0 once the folder is finished."""
    if arguments.merge:
        from prlcoder.supervision.merging import merge

        if arguments.shard != (1, 1):
            raise InputError("--shard: goes with --problems, not with --merge")
        _report(merge(arguments.merge, arguments.out), as_json=arguments.json)
        return 0
    return _build(arguments)


def _build(arguments: argparse.Namespace) -> int:
    from prlcoder.executor import ResourceLimits
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

    limits = ResourceLimits(cpu_s=arguments.cpu_limit, wall_s=arguments.wall_limit, memory_mib=arguments.memory_limit)
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
    next(problems(), None)  # a wrong path or format is said before any sandbox starts
    sandbox = ExecutionSettings(
        workers=arguments.workers,
        profile=arguments.profile,
        cpu_limit=limits.cpu_s,
        wall_limit=limits.wall_s,
        memory_limit=limits.memory_mib,
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
