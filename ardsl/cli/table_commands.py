"""``ardsl new``, ``ardsl impute`` and ``ardsl predict``: from a table to a model of it, and what to do with that."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ardsl.cli.output import complain, say
from ardsl.cli.runs_commands import data_of, data_options, device_option, directory_argument, restored
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
    text, columns, left_out = sketch(table, output)
    write_text(output, text)
    say(f"wrote {output}: {plural(columns, 'column')} of {table}" + (", left out:" if left_out else ""))
    for note in left_out:
        say(f"  {note}")
    say("Next:")
    say(f"  ardsl train {shlex.quote(output)}")


@click.command("impute")
@directory_argument
@data_options
@click.option("-o", "--output", metavar="FILE", required=True, help="The filled table, .csv (arrays: .npz).")
@click.option("--likely", is_flag=True, help="Fill in the most likely value at each draw, not a random one.")
@click.option("--seed", type=click.IntRange(min=0), help="The same seed gives the same draws.")
@device_option
def impute_command(
    directory: str,
    data: str | None,
    split: str,
    data_dir: str | None,
    output: str,
    likely: bool,
    seed: int | None,
    device: str,
) -> int:
    """Fill the empty cells of a table by draws from the model, given the rest of each row."""
    from ardsl.compiler.queries.complete import OrderForbids
    from ardsl.data.sources import open_source
    from ardsl.outputs.tables import write_filled
    from ardsl.queries.conditionals import impute
    from ardsl.runs.restore import restore

    model = restored(directory, restore, device)
    chosen = data_of(directory, model.spec, data, split, data_dir)
    try:
        filled, cells, rows = impute(model, **chosen, seed=seed, likely=likely)
    except OrderForbids as error:
        complain(str(error))
        return 1
    source = chosen["data"] if chosen["data"] is not None else getattr(model.spec.model.data, split)
    write_filled(output, model.spec, open_source(source, chosen["data_dir"] or "."), split, filled)
    say(f"wrote {output}: {plural(cells, 'cell')} filled in {plural(rows, 'row')}")
    return 0


@click.command("predict")
@directory_argument
@click.argument("column", metavar="COLUMN")
@data_options
@click.option("-o", "--output", metavar="FILE.csv", help="The table to write: each row's distribution.")
@device_option
def predict_command(
    directory: str, column: str, data: str | None, split: str, data_dir: str | None, output: str | None, device: str
) -> int:
    """Give the distribution of a column given the rest of each row; the data may lack the column."""
    import numpy as np

    from ardsl.compiler.queries.complete import OrderForbids
    from ardsl.outputs.tables import write_prediction
    from ardsl.queries.conditionals import predict
    from ardsl.runs.restore import restore

    model = restored(directory, restore, device)
    try:
        prediction = predict(model, column, **data_of(directory, model.spec, data, split, data_dir))
    except OrderForbids as error:
        complain(str(error))
        return 1
    if output is not None:
        write_prediction(output, prediction)
        say(f"wrote the distribution of `{column}` in {plural(len(prediction.actual), 'row')} to {output}")
    known = ~np.isnan(prediction.actual)
    if known.any():
        say(f"known in      {plural(int(known.sum()), 'row')}")
        if prediction.accuracy is not None:
            say(f"accuracy      {prediction.accuracy:.4f} (the most likely value is the actual one)")
        else:
            deviation = np.sqrt(((prediction.mean[known] - prediction.actual[known]) ** 2).mean())
            say(f"rms error     {deviation:.4g} (of the mean)")
        say(f"mean log p    {prediction.log_prob[known].mean():.4f} nats")
    elif output is None:
        say(f"`{column}` is not known in any row: give -o FILE.csv for its distribution")
    return 0
