"""The options of ``plan`` and ``verify`` that draw what elements read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ardsl.cli.inputs import inputs_of_spec, keep_inputs
from ardsl.cli.output import say

if TYPE_CHECKING:
    from ardsl.spec import Spec


def reach_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``-o FILE.png`` and ``--element``."""
    named = click.option(
        "--element", "elements", multiple=True, metavar="X[I, J]", help="An element to draw; several times for several."
    )
    drawn = click.option("-o", "--output", metavar="FILE.png", help="Draw what a few elements read, and the order.")
    return drawn(named(command))


def draw_reach(file: str, spec: Spec, output: str | None, elements: tuple[str, ...]) -> None:
    if output is None:
        if elements:
            raise click.UsageError("`--element` says what `-o FILE.png` is to draw")
        return
    from ardsl.outputs.reach import save_reach

    keep_inputs(output, *inputs_of_spec(file, spec))
    names = save_reach(output, spec, elements)
    say(f"wrote {output}: {', '.join(names)}", err=True)
