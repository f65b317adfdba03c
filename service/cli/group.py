"""A group of commands whose summaries are whole, and which suggests the nearest name."""

from __future__ import annotations

__all__ = ["Group"]

from difflib import get_close_matches

import click


class Group(click.Group):
    """As click's, which cuts summaries and suggests nothing in its older versions."""

    def summary(self, ctx: click.Context, name: str) -> str:
        """The first sentence of the help of the command `name`."""
        command = self.get_command(ctx, name)
        return command.get_short_help_str(1000) if command else ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List every command with its whole summary."""
        with formatter.section("Commands"):
            names = self.list_commands(ctx)
            formatter.write_dl([(name, self.summary(ctx, name)) for name in names])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` name."""
        names = self.list_commands(ctx)
        if args[0] not in names and (near := get_close_matches(args[0], names, 1)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)
