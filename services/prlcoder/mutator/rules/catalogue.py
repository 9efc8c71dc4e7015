"""The page of all operators: ``python -m prlcoder.mutator.rules.catalogue > docs/operators.md``."""

from __future__ import annotations

from collections import defaultdict
from html import escape

from prlcoder.mutator.rules import MUTATIONS, REFACTORINGS, BugClass, Operator
from prlcoder.mutator.rules.registry import FREQUENCY

_HEAD = """# Operators of the rule teacher

Written by `python -m prlcoder.mutator.rules.catalogue`; a test keeps it in step with the code, and each example is a
test of its operator. Every rewrite is an edit of the original text: no comment is added, layout and style stay. A
mutation is drawn class first (in the order of frequency that arXiv 2406.08731 finds in language models' programs), then
operator by weight; *share* is the product, where every operator has a site. Classes and operators without a site leave
theirs to the others. One operator gives at most a quarter of a segment's mutations, so that none dominates short
segments, where few have a site. Syntax errors are drawn apart from the rest: at most two mutations in a hundred.

Of several rewrites so drawn one is taken, by how usual its text is in published solutions (those of LeetCodeDataset's
training part and MBPP) against the text that it replaces (`mutator/usage.py`): what nobody writes would betray itself.
Rewrites that are e^4 times rarer or more are left out where the segment offers others. Half of a segment's mutations
show a refactoring too, so that another form is no sign of a right step.

A mutation made of two operators carries both names, joined by `+` (`comparison-boundary+range-bound`).
"""


def markdown() -> str:
    """The whole page."""
    mutations = _table("class of bug", [(operator, str(operator.bug_class)) for operator in MUTATIONS.values()])
    refactorings = _table("keeps the meaning if", [(operator, operator.requires) for operator in REFACTORINGS.values()])
    return f"{_HEAD}\n## Mutations\n\n{mutations}\n## Refactorings\n\n{refactorings}"


def _table(condition: str, rows: list[tuple[Operator, str]]) -> str:
    totals: defaultdict[BugClass | None, float] = defaultdict(float)
    for operator, _ in rows:
        totals[operator.bug_class] += operator.weight
    classes = sum(FREQUENCY[bug] for bug in totals if bug is not BugClass.SYNTAX)
    lines = [f"| operator | {condition} | share | before | after |", "|---|---|---:|---|---|"]
    for operator, text in rows:
        syntax = operator.bug_class is BugClass.SYNTAX
        part = FREQUENCY[operator.bug_class] * operator.weight / totals[operator.bug_class] / classes
        share = "capped" if syntax else f"{100 * part:.1f} %"
        cells = (f"`{operator.name}`", text.replace("|", "\\|"), share, _code(operator.before), _code(operator.after))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _code(source: str) -> str:
    """Code that keeps its lines and indentation inside a table cell."""
    return f"<pre>{escape(source, quote=False).replace('|', '&#124;').replace(chr(10), '<br>')}</pre>"


if __name__ == "__main__":
    print(markdown(), end="")
