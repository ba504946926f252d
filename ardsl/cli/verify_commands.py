"""``ardsl verify``."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import click

from ardsl.cli.output import MOST_ROWS, print_json, print_table, print_text, say
from ardsl.cli.reach import draw_reach, reach_options
from ardsl.cli.specs import examine_source, json_option, read_source, reject, set_option, spec_argument
from ardsl.common.wording import plural

if TYPE_CHECKING:
    from ardsl.graph.verify import Comparison, Report
    from ardsl.spec import Spec

MOST_EXAMPLES = 10
"""Pairs that ``--json`` lists of each kind; their number is always given."""


@click.command("verify")
@spec_argument
@click.option("--numeric", is_flag=True, help="Also build the module, and probe what its outputs depend on.")
@set_option
@json_option
@reach_options
def verify_command(
    file: str, numeric: bool, settings: dict[str, str], as_json: bool, output: str | None, elements: tuple[str, ...]
) -> int:
    """Compare what a spec declares with what its networks realize, factor by factor.

    A leak is a pair (drawn element, element read) that is realized and not declared, a blind spot one that is declared
    and not realized. Exits with 1 on a leak, and on a blind spot under `check complete`.
    """
    diagnostics, spec = examine_source(read_source(file), settings)
    if spec is None:
        reject(diagnostics, as_json)
    draw_reach(file, spec, output, elements)
    reports = [spec.report]
    if numeric:
        from ardsl.probing.probe import verify_numeric

        reports.append(verify_numeric(spec))
    agree = [c.realized for c in reports[0].comparisons] == [c.realized for c in reports[-1].comparisons]
    failed = not agree or any(_fails(spec, report) for report in reports)
    if as_json:
        probed = {"numeric": report_json(reports[1])} if numeric else {}
        print_json({"name": spec.name} | report_json(spec.report) | probed)
        return int(failed)
    for report in reports:
        _print_report(spec, report)
    if numeric:
        say()
        say(f"The probe and the plan {'agree' if agree else 'DISAGREE'}.")
    if any(d.severity == "error" for d in diagnostics):
        say()
        reject(diagnostics, as_json)
    return int(failed)


def _fails(spec: Spec, report: Report) -> bool:
    complete = {claim.variable for claim in spec.model.claims if claim.kind == "complete"}
    return any(c.leaks or (c.blind_spots and c.variable in complete) for c in report.comparisons)


def _print_report(spec: Spec, report: Report) -> None:
    if report.method == "plan":
        say(f"{spec.name}: declared against realized, by the plan")
        say()
    else:
        say()
        say("Declared against realized, by gradients of the built module")
        say()
    groups = [list(comparisons) for _, comparisons in groupby(report.comparisons, key=lambda c: c.factor)]
    header = ("factor", "order", "declared", "realized", "leaks", "blind spots", "direct only")
    faulty = [group for group in groups if any(c.leaks or c.blind_spots for c in group)]
    shown = groups if len(groups) <= MOST_ROWS else (faulty or groups)[:MOST_ROWS]
    print_table(header, [_row(spec, group) for group in shown], left=2)
    if len(shown) < len(groups):
        others = len(groups) - len(shown)
        clean = "" if len(faulty) > len(shown) else ", without leaks or blind spots"
        say()
        say(f"  and {plural(others, 'factor')} more{clean}")
    say()
    for group in shown:
        for kind in ("leaks", "blind_spots"):
            pairs = next((getattr(c, kind) for c in group if getattr(c, kind)), None)
            if pairs:
                target, source = pairs[0]
                word = "leak" if kind == "leaks" else "blind spot"
                verb = "depends on" if kind == "leaks" else "never sees"
                say(f"  {word} in {group[0].factor}: {target} {verb} {source}")
    print_text(str(report))


def _row(spec: Spec, group: list[Comparison]) -> tuple[str, ...]:
    """One line for a factor, its orders added up."""
    direct = [c.direct_only for c in group if c.direct_only is not None]
    numbers = (
        sum(c.declared for c in group),
        sum(c.realized for c in group),
        sum(c.leaks.count for c in group),
        sum(c.blind_spots.count for c in group),
    )
    order = group[0].order if len(group) == 1 else f"{len(group)} orders, added up"
    if spec.variables[group[0].variable].size == 1:
        order = "-"
    return (group[0].factor, order, *(f"{n:,}" for n in numbers), f"{sum(direct):,}" if direct else "-")


def report_json(report: Report) -> dict[str, Any]:
    return {
        "sound": report.sound,
        "complete": report.complete,
        "method": report.method,
        "factors": [
            {
                "factor": c.factor,
                "variable": c.variable,
                "order": c.order,
                "declared": c.declared,
                "realized": c.realized,
                "leaks": _pairs_json(c.leaks, c.leaks.count),
                "blind_spots": _pairs_json(c.blind_spots, c.blind_spots.count),
                "direct_only": c.direct_only,
            }
            for c in report.comparisons
        ],
    }


def _pairs_json(pairs: Iterable[tuple[str, str]], count: int) -> dict[str, Any]:
    return {"count": count, "examples": [list(pair) for pair in islice(pairs, MOST_EXAMPLES)]}
