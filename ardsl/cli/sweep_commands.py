"""``ardsl sweep``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ardsl.cli.output import print_table, say, show_diagnostics, spelled
from ardsl.cli.signals import Terminated, ending, raising_sigterm
from ardsl.cli.specs import is_real, literal, overrides, read_source, split_values
from ardsl.cli.train_commands import from_here, train_command
from ardsl.common.wording import plural

if TYPE_CHECKING:
    from ardsl.diagnostics import Source
    from ardsl.training.sweeps.results import Result

_SHARED = {
    *("file", "settings", "sources", "data_dir", "epochs", "seed", "precision", "device", "checkpoint_every"),
    *("tensorboard", "quiet"),
}
"""The options that mean the same to ``ardsl train``."""


def _over(context: click.Context, option: click.Parameter, values: Sequence[str]) -> dict[str, list[str]]:
    """The texts of the values to try, by parameter."""
    texts: dict[str, list[str]] = {}
    for value in values:
        name, equals, text = value.partition("=")
        name = name.strip()
        if not equals or not name:
            raise click.BadParameter(f"`{value}` is not of the form NAME=V1,V2,… or NAME=LOW..HIGH", context, option)
        if name in texts:
            raise click.BadParameter(f"`{name}` is there twice: give all its values at once", context, option)
        texts[name] = split_values(text)
        if "" in texts[name]:
            problem = "an empty value" if text.strip() else "no values to try"
            raise click.BadParameter(f"`{value}` has {problem}", context, option)
    return texts


@click.command("sweep", params=[option for option in train_command.params if option.name in _SHARED])
@click.option(
    "--over",
    metavar="NAME=V1,V2,…",
    multiple=True,
    required=True,
    callback=_over,
    help="A parameter and the values to try; with --trials also a range, NAME=LOW..HIGH. May be repeated.",
)
@click.option("--trials", type=click.IntRange(min=1), metavar="N", help="Let optuna choose N combinations to train.")
@click.option("--out", metavar="DIR", help="The folder of the sweep (default: sweeps/NAME).")
def sweep_command(
    file: str,
    settings: dict[str, str],
    over: dict[str, list[str]],
    trials: int | None,
    out: str | None,
    sources: dict[str, str],
    data_dir: str | None,
    epochs: int | None,
    seed: int | None,
    precision: str | None,
    device: str,
    checkpoint_every: float,
    tensorboard: bool,
    quiet: bool,
) -> int:
    """Train a spec for every combination of some values of its parameters.

    Leaves a run folder for each, and `results.csv` with the lowest validation loss first. The same command goes on with
    a sweep that was cut short: what has ended is not trained again.
    """
    both = next((name for name in over if name in settings), None)
    if both is not None:
        raise click.UsageError(f"`{both}` is given to --set and to --over", click.get_current_context())
    source = read_source(file)
    try:
        from ardsl.training.sweeps.results import RESULTS
        from ardsl.training.sweeps.sweep import Sweep

        sweep = Sweep(
            source,
            overrides(source, settings),
            {name: _values(source, name, texts) for name, texts in over.items()},
            {split: from_here(path) for split, path in sources.items()} or None,
            out,
            data_dir,
            trials,
            {"epochs": epochs, "seed": seed, "precision": precision},
            {"device": device, "checkpoint_every": checkpoint_every, "tensorboard": tensorboard},
            not quiet,
        )
        if sweep.warnings:
            show_diagnostics(sweep.warnings)
        with raising_sigterm():
            results = sweep.run()
    except (KeyboardInterrupt, Terminated) as error:
        word, code = ending(error)
        say(f"{word}; resume with `{shlex.join(['ardsl', *sys.argv[1:]])}`", err=True)
        return code
    _show(list(sweep.space), results)
    best, table = results[0], sweep.directory / RESULTS
    if best.valid is None:
        say(f"No run has a validation loss; the table is {table}.")
        return 1
    say(f"The best of {plural(len(results), 'run')} is in {best.directory}; the table is {table}.")
    return 0


def _values(source: Source, name: str, texts: list[str]) -> Any:
    """The values as the language writes them, or the range."""
    from ardsl.training.sweeps.search import Range

    low, dots, high = texts[0].partition("..")
    if len(texts) == 1 and dots and is_real(low) and is_real(high):
        return Range(literal(low), literal(high))
    return [overrides(source, {name: text})[name] for text in texts]


def _show(names: list[str], results: list[Result]) -> None:
    def row(result: Result) -> list[str]:
        error = "" if result.standard_error is None else f" ± {result.standard_error:.4f}"
        return [
            *(spelled(result.params[name]) for name in names),
            "-" if result.valid is None else f"{result.valid:.4f}{error}",
            *("-" if n is None else f"{n:,}" for n in (result.best_epoch, result.parameters)),
            "-" if result.seconds is None else f"{result.seconds:.1f}",
            result.ended,
        ]

    header = [*names, "valid nats", "best epoch", "parameters", "seconds", "ended by"]
    print_table(header, [row(result) for result in results], left=len(names))
