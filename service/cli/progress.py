"""Progress bars, on a terminal; plain lines elsewhere."""

from __future__ import annotations

__all__ = ["counting", "fitting"]

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def fitting(total: int) -> Iterator[Callable[[str], None]]:
    """Show which of `total` models is being fitted; call with its name, and "" at the end."""
    if not sys.stderr.isatty():
        yield lambda name: click.echo(f"fitting {name}", err=True) if name else None
        return
    with _bar() as bar:
        task = bar.add_task("fitting", total=total)
        began = False

        def step(name: str) -> None:
            nonlocal began
            bar.update(task, advance=int(began), description=f"fitting {name}" if name else "done")
            began = True

        yield step


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show how many of `total` are done; call after each of them. Silent off a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with _bar() as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _bar() -> Progress:
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description:28}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        console=Console(stderr=True),
    )
