"""The options that say how CSV files are read, the same for every command that reads them."""

from __future__ import annotations

__all__ = ["csv_options"]

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import click

_Command = Callable[..., Any]


def csv_options(*parameters: str) -> Callable[[_Command], _Command]:
    """Add the options to a command, whose `parameters` are paths and come as `CsvFile`."""

    def decorate(command: _Command) -> _Command:
        @click.option("--encoding", help="Of CSV files: UTF-8 or UTF-16 unless given.")
        @click.option("--dayfirst", is_flag=True, help="Read 18/10/2024 in CSV files as a day.")
        @wraps(command)
        def call(*arguments: Any, encoding: str | None, dayfirst: bool, **options: Any) -> Any:
            from service.data.csv_rows import CsvFile

            report = partial(click.echo, err=True)
            for name in parameters:
                if options[name] is not None:
                    options[name] = CsvFile(options[name], encoding, dayfirst, report)
            return command(*arguments, **options)

        return call

    return decorate
