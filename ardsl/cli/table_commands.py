"""``ardsl new``, ``ardsl impute`` and ``ardsl predict``: from a table to a model of it, and what to do with that."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from ardsl.cli.inputs import inputs_of_run, keep_inputs
from ardsl.cli.output import noting_warnings, say
from ardsl.cli.runs_commands import (
    data_of,
    data_options,
    device_option,
    directory_argument,
    restored,
    unknown_option,
)
from ardsl.common.wording import plural


@click.command("new")
@click.argument("table", metavar="TABLE")
@click.option("-o", "--output", metavar="FILE.ar", required=True, help="The spec to write.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def new_command(table: str, output: str, force: bool) -> None:
    """Look at a CSV or Parquet file and write a spec for it, ready to train."""
    from ardsl.diagnostics.rules.data import BAD_OUTPUT
    from ardsl.errors import data_error
    from ardsl.sketch.draft import sketch
    from ardsl.system.files import write_text

    if Path(output).suffix != ".ar":
        raise data_error(BAD_OUTPUT, path=output, problem="a spec's name ends in .ar")
    if Path(output).exists() and not force:
        raise data_error(BAD_OUTPUT, path=output, problem="is there already: choose another name, or --force")
    keep_inputs(output, table)
    text, columns, left_out = sketch(table, output)
    write_text(output, text)
    say(f"wrote {output}: {plural(columns, 'column')} of {table}" + (", left out:" if left_out else ""))
    for note in left_out:
        say(f"  {note}")
    say("Next:")
    say(f"  ardsl train {shlex.quote(output)}")


def _one_of(options: Mapping[str, bool], otherwise: str) -> str:
    """The one of several options that was given."""
    chosen = [name for name, given in options.items() if given]
    if len(chosen) > 1:
        raise click.UsageError(f"give {' or '.join(f'--{name}' for name in chosen)}")
    return chosen[0] if chosen else otherwise


def _quantiles(context: click.Context, parameter: click.Parameter, value: str) -> tuple[float, ...]:
    """Shares between 0 and 1, written with commas."""
    try:
        shares = tuple(float(part) for part in value.split(","))
    except ValueError:
        shares = ()
    if not shares or not all(0 < share < 1 for share in shares):
        raise click.BadParameter(f"takes shares between 0 and 1, such as 0.05,0.95, not {value}")
    return tuple(dict.fromkeys(shares))


@click.command("impute")
@directory_argument
@data_options
@click.option("-o", "--output", metavar="FILE", required=True, help="The filled table, .csv (arrays: .npz).")
@click.option(
    "--draws",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Fill so many times (multiple imputation): the tables stand one after the other, with a column `draw`.",
)
@click.option("--likely", is_flag=True, help="Fill in the most likely value at each draw, not a random one.")
@click.option(
    "--mean",
    is_flag=True,
    help="Fill in the mean of each cell given what its row has, whole numbers rounded; of a category the most likely "
    "value. Where several cells of a row are missing and the model is of one order, of 100 draws.",
)
@click.option("--median", is_flag=True, help="The same with the median.")
@click.option("--seed", type=click.IntRange(min=0), help="The same seed gives the same draws.")
@unknown_option
@device_option
def impute_command(
    directory: str,
    data: str | None,
    split: str,
    data_dir: str | None,
    output: str,
    draws: int,
    likely: bool,
    mean: bool,
    median: bool,
    seed: int | None,
    unknown: str,
    device: str,
) -> None:
    """Fill the empty cells of a table by draws from the model, given the rest of each row: exact ones, or weighted ones
    where no exact ones can be had, which is said then."""
    from ardsl.compiler.queries.answer import worth
    from ardsl.data.sources import open_source
    from ardsl.outputs.tables import write_filled
    from ardsl.queries.impute import impute
    from ardsl.runs.restore import restore

    fill = _one_of({"likely": likely, "mean": mean, "median": median}, "draw")
    if draws > 1 and fill != "draw":
        raise click.UsageError(f"--{fill} is the same every time: leave --draws out")
    model = restored(directory, restore, device)
    chosen = data_of(directory, model.spec, data, split, data_dir)
    keep_inputs(output, *inputs_of_run(directory, model.spec, chosen))
    with noting_warnings():
        imputation = impute(model, **chosen, fill=fill, draws=draws, seed=seed, unknown=unknown)
    source = chosen["data"] if chosen["data"] is not None else getattr(model.spec.model.data, split)
    source = open_source(source, chosen["data_dir"] or ".")
    cells, rows = write_filled(output, model.spec, source, split, imputation)
    times = f", {draws} times" if draws > 1 else ""
    say(f"wrote {output}: {plural(cells, 'cell')} filled in {plural(rows, 'row')}{times}")
    if imputation.effective_samples is not None:
        least = worth(imputation.effective_samples)
        say(f"note: {plural(imputation.estimated, 'row')} estimated, from samples ({least} at least)", err=True)


@click.command("predict")
@directory_argument
@click.argument("column", metavar="COLUMN")
@data_options
@click.option("-o", "--output", metavar="FILE.csv", help="The table to write: each row's distribution.")
@click.option(
    "--quantiles",
    default="0.05,0.5,0.95",
    show_default=True,
    callback=_quantiles,
    help="The quantiles of numbers in that table.",
)
@click.option("--likely", is_flag=True, help="Compare the most likely value with the actual one: accuracy.")
@click.option("--mean", is_flag=True, help="Compare the mean: root mean square error. The default for numbers.")
@click.option("--median", is_flag=True, help="Compare the median: mean absolute error.")
@unknown_option
@device_option
def predict_command(
    directory: str,
    column: str,
    data: str | None,
    split: str,
    data_dir: str | None,
    output: str | None,
    quantiles: tuple[float, ...],
    likely: bool,
    mean: bool,
    median: bool,
    unknown: str,
    device: str,
) -> None:
    """Give the distribution of a column given the rest of each row; the data may lack the column."""
    import numpy as np

    from ardsl.outputs.tables import write_prediction
    from ardsl.queries.conditionals import predict
    from ardsl.runs.restore import restore

    compared = _one_of({"likely": likely, "mean": mean, "median": median}, "")
    model = restored(directory, restore, device)
    chosen = data_of(directory, model.spec, data, split, data_dir)
    if output is not None:
        keep_inputs(output, *inputs_of_run(directory, model.spec, chosen))
    with noting_warnings():
        prediction = predict(model, column, **chosen, unknown=unknown)
    known = ~np.isnan(prediction.actual)
    lines = prediction.compared(compared or None) if known.any() else []
    if output is not None:
        write_prediction(output, prediction, quantiles)
        say(f"wrote the distribution of `{column}` in {plural(len(prediction.actual), 'row')} to {output}")
    if known.any():
        say(f"known in      {plural(int(known.sum()), 'row')}")
        for name, figure, words in lines:
            say(f"{name:<13} {figure} ({words})")
        say(f"mean log p    {prediction.log_prob[known].mean():.4f} nats")
    if prediction.estimated.any():
        say(
            f"note: {plural(int(prediction.estimated.sum()), 'row')} estimated, since other cells are missing", err=True
        )
    if output is None and not known.any():
        say(f"`{column}` is not known in any row: give -o FILE.csv for its distribution")
