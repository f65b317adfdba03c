"""Output of commands: help, files, tables and progress bars."""

from __future__ import annotations

__all__ = [
    "Group",
    "console",
    "count_progress",
    "fit_progress",
    "print_json",
    "print_table",
    "write_out",
]

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.core.files import write_atomically

if TYPE_CHECKING:
    from rich.console import Console

_log = logging.getLogger(__name__)


class Group(click.Group):
    """A group whose help shows complete summaries in the order of the commands."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands with full summaries, which click would truncate."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(1000)) for name, one in self.commands.items()]
            )


def write_out(file: Path, content: bytes) -> None:
    """Write `content` to `file` completely or not at all, or into a link or device."""
    if file.is_symlink() or (file.exists() and not file.is_file()):
        file.write_bytes(content)
    else:
        write_atomically(file, content)


def console(width: int = 200) -> Console:
    """Return standard output; off a terminal it is `width` wide, so that nothing is cut.

    Names and reasons come from others, so brackets in them are not markup.
    """
    from rich.console import Console

    at = None if sys.stdout.isatty() else width
    return Console(width=at, markup=False, emoji=False, highlight=False)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Iterable[object]],
    width: int = 200,
    numbers_from: int | None = None,
    is_dense: bool = False,
) -> None:
    """Print a table, right-aligned `numbers_from` a column; an empty row is a horizontal line."""
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False) if is_dense else Table(*columns)
    for column in table.columns[numbers_from:] if numbers_from is not None else ():
        column.justify = "right"
    for row in rows:
        cells = ["" if cell is None else str(cell) for cell in row]
        table.add_row(*cells) if cells else table.add_section()
    console(width).print(table)


def print_json(value: Any) -> None:
    """Print `value` as JSON."""
    click.echo(json.dumps(value, indent=2))


@contextmanager
def fit_progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show which of `total` models is being fitted; call with its name, and "" at the end."""
    with _bar("fitting", total) as bar:
        began = 0

        def step(name: str) -> None:
            nonlocal began
            bar.update(began, name)
            began = 1
            if name and bar.hidden:
                _log.info("fitting %s", name)

        yield step


@contextmanager
def count_progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show how many of `total` are done; call after each. Silent off a terminal."""
    with _bar(what, total) as bar:
        yield lambda: bar.update(1)


def _bar(label: str, total: int) -> Any:
    return click.progressbar(
        length=total,
        label=label,
        item_show_func=lambda name: name,
        show_pos=True,
        file=sys.stderr,
        # Routes fitted in parallel have no progress bars.
        hidden=not sys.stderr.isatty() or threading.current_thread() is not threading.main_thread(),
    )
