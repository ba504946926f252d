"""``ardsl graph``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ardsl.cli.inputs import inputs_of_spec, keep_inputs
from ardsl.cli.output import print_file, print_text, say
from ardsl.cli.specs import json_option, open_spec, set_option, spec_argument
from ardsl.common.wording import plural

if TYPE_CHECKING:
    from ardsl.model.model import Model


@click.command("graph")
@spec_argument
@click.option("-o", "--output", metavar="PATH", help="Write .svg, .png, .dot, .mmd (Mermaid) or .json, by suffix.")
@click.option("--format", "format", metavar="FORMAT", help="Print svg, dot, mmd or json.")
@set_option
@json_option
def graph_command(file: str, output: str | None, format: str | None, settings: dict[str, str], as_json: bool) -> None:
    """Show the declared graph: which variable reads which.

    Without -o or --format, a list for people.
    """
    from ardsl.graph.draw import FORMATS, draw

    suffix = Path(output).suffix.removeprefix(".").lower() if output else None
    if suffix is not None and suffix not in FORMATS:
        raise click.BadParameter(f"`{output}` must end in {', '.join(f'.{f}' for f in FORMATS)}", param_hint="-o")
    if format is not None and (format not in FORMATS or format == "png"):
        names = ", ".join(f for f in FORMATS if f != "png")
        raise click.BadParameter(f"`{format}` is not one of {names}; a png goes to a file (-o)", param_hint="--format")
    spec = open_spec(file, settings, as_json)
    model = spec.model
    if suffix is not None:
        keep_inputs(output or "", *inputs_of_spec(file, spec))
        _write(Path(output or ""), draw(model, suffix))
    if as_json or format:
        content = draw(model, "json" if as_json else format or "json")
        print_file(content if isinstance(content, str) else content.decode())
    elif suffix is not None:
        say(f"wrote {output}")
    else:
        print_text("\n".join(_lines(model)))


def _write(path: Path, content: str | bytes) -> None:
    from ardsl.system.files import replacing

    with replacing(path) as part:
        part.write_bytes(content if isinstance(content, bytes) else content.encode())


def _lines(model: Model) -> list[str]:
    """One line for each variable, then what it reads."""
    from ardsl.graph.declared import readings

    declared = readings(model)
    lines = []
    for variable in model.variables.values():
        axes = ", ".join(f"{a.name}: {a.size}" if a.name else str(a.size) for a in variable.axes)
        domain = f"record of {plural(len(variable.fields), 'field')}" if variable.is_record else f"{variable.domain}"
        order = f", by {variable.orders.name}" if variable.size > 1 and variable.kind != "given" else ""
        lines.append(f"{variable.kind} {variable.name}{f'[{axes}]' if axes else ''} : {domain}{order}")
        read = list(declared.own[variable.name])
        for source in model.variables:
            read += declared.edges.get((source, variable.name), ())
        if variable.kind != "given":
            lines.append(f"  reads {', '.join(dict.fromkeys(c.text for _, c in read)) or 'nothing'}")
        for factor in model.guide:
            if factor.variable == variable.name:
                inferred = ", ".join(context.text for context in factor.contexts) or "nothing"
                lines.append("  is enumerated" if factor.exact else f"  is inferred from {inferred}")
    return lines
