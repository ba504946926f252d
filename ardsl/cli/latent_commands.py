"""``ardsl reconstruct``: data drawn anew from what was inferred of them."""

from __future__ import annotations

import click

from ardsl.cli.inputs import inputs_of_run, keep_inputs
from ardsl.cli.output import say
from ardsl.cli.runs_commands import data_of, data_options, device_option, directory_argument, restored
from ardsl.common.wording import plural


@click.command("reconstruct")
@directory_argument
@data_options
@click.option("-n", "most", type=click.IntRange(min=1), default=32, show_default=True, help="The first examples.")
@click.option("--keep", metavar="NAME", multiple=True, help="Keep this latent variable only, and draw the others anew.")
@click.option("--seed", type=click.IntRange(min=0), help="The same seed gives the same reconstructions.")
@click.option("-o", "--output", metavar="FILE", required=True, help=".png (beside the data), .npz or .csv.")
@device_option
def reconstruct_command(
    directory: str,
    data: str | None,
    split: str,
    data_dir: str | None,
    most: int,
    keep: tuple[str, ...],
    seed: int | None,
    output: str,
    device: str,
) -> None:
    """Infer the latent variables of data, and draw the data anew given these."""
    from ardsl.outputs.samples import check_output, write_samples
    from ardsl.queries.reconstruct import reconstruct
    from ardsl.runs.restore import restore

    model = restored(directory, restore, device)
    check_output(output, model.spec)
    where = data_of(directory, model.spec, data, split, data_dir)
    keep_inputs(output, *inputs_of_run(directory, model.spec, where))
    reconstructed, given, ends = reconstruct(
        model, most=most, keep=keep, seed=seed, beside=output.lower().endswith(".png"), **where
    )
    write_samples(output, model.spec, reconstructed, given, ends)
    say(f"wrote {plural(len(next(iter(reconstructed.values()))), 'reconstruction')} to {output}")
