"""What all groups of verbs have in common: what they say of a mistyped verb, and how a signal ends them."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from harness.errors import UserError, did_you_mean


class Stopped(Exception):
    """A signal ended the command. Typer would make an exit code of ``KeyboardInterrupt``, and say nothing."""


class Verbs(TyperGroup):
    """A group of verbs; pass it as ``cls`` to ``typer.Typer``."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; :class:`Stopped` where a signal ended it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            raise Stopped(*stopped.args) from stopped

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that the first of `args` names; :class:`UserError` where there is none."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self.commands:
            raise UserError(f"there is no '{ctx.command_path} {name}'{did_you_mean(name, self.commands)}")
        return super().resolve_command(ctx, args)
