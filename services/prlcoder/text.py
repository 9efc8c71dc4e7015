"""Lays out plain text for terminals."""

from __future__ import annotations


def aligned(rows: list[list[str]], *, numbers: bool = True) -> str:
    """Rows of cells in columns, aligned left; with ``numbers`` all columns but the first are aligned right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def cell(text: str, column: int) -> str:
        return text.rjust(widths[column]) if numbers and column else text.ljust(widths[column])

    return "\n".join("  ".join(cell(text, column) for column, text in enumerate(row)).rstrip() for row in rows)
