"""``ardsl calibrate``: whether data follows a trained model's conditionals, as a table and as histograms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ardsl.cli.inputs import inputs_of_run, keep_inputs
from ardsl.cli.output import print_table, say
from ardsl.cli.runs_commands import data_of, data_options, device_option, directory_argument, restored

if TYPE_CHECKING:
    from ardsl.queries.calibrate import Calibration, Element

MOST_SHOWN = 20
"""Elements that the table shows: all in the spec's order, or the farthest from uniform."""
_LEAST_SHOWN = 1e-12


@click.command("calibrate")
@directory_argument
@data_options
@click.option("-o", "--output", metavar="FILE.png", help="The histograms.  [default: DIR/calibration.png]")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Where values are discrete or have no distribution function, u is random: the same seed gives the same.",
)
@device_option
def calibrate_command(
    directory: str, data: str | None, split: str, data_dir: str | None, output: str | None, seed: int, device: str
) -> None:
    """Test a trained model's conditionals on data.

    Each value x of each element is taken to u = F(x | what the order draws before it), its probability integral
    transform. If the data follows the model, u is uniform. That is tested for each element by Kolmogorov and Smirnov's
    test, at 1 % for all elements together (Bonferroni). In the histograms, bars that are high at both ends say that
    the model is too sure of itself, bars high in the middle that it is not sure enough, and bars high on the left or
    the right that the data lies below or above what it expects.
    """
    from ardsl.diagnostics.rules.data import BAD_OUTPUT
    from ardsl.errors import data_error
    from ardsl.outputs.drawing import can_draw
    from ardsl.outputs.histograms import save_histograms
    from ardsl.queries.calibrate import calibrate
    from ardsl.runs.restore import restore

    if output is not None and Path(output).suffix.lower() != ".png":
        raise data_error(BAD_OUTPUT, path=output, problem="the histograms are written to .png")
    model = restored(directory, restore, device)
    chosen = data_of(directory, model.spec, data, split, data_dir)
    path = output or str(Path(directory) / "calibration.png")
    keep_inputs(path, *inputs_of_run(directory, model.spec, chosen))
    calibration = calibrate(model, **chosen, seed=seed)
    _show(calibration)
    if can_draw():
        save_histograms(path, calibration)
        say(f"histograms: {path}")
    else:
        say("note: the histograms need matplotlib: pip install 'ardsl[plot]'", err=True)
    say(calibration.verdict)


def _show(calibration: Calibration) -> None:
    say(f"examples  {calibration.examples:,}")
    say("test      Kolmogorov–Smirnov, of each element's u = F(x | context) against uniform")
    gaps = any(element.observed < calibration.examples for element in calibration.elements)
    apart = {element.name for element in calibration.differing}
    shown = list(calibration.elements)
    if len(shown) > MOST_SHOWN:
        shown = list(calibration.tested[:MOST_SHOWN])
        say(f"elements  {len(calibration.elements):,}; the {len(shown)} farthest from uniform:")
    header = ["element", *(["observed"] if gaps else []), "KS distance", "p-value", ""]
    rows = [_row(element, gaps, element.name in apart) for element in shown]
    print_table(header, rows)


def _row(element: Element, gaps: bool, apart: bool) -> list[str]:
    observed = [f"{element.observed:,}"] if gaps else []
    if not element.observed:
        return [element.name, *observed, "–", "–", ""]
    p = element.p_value
    shown = f"< {_LEAST_SHOWN:g}" if p < _LEAST_SHOWN else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"
    return [element.name, *observed, f"{element.distance:.4f}", shown, "differs" if apart else ""]
