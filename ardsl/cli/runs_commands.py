"""``ardsl eval``, ``ardsl score`` and ``ardsl sample``: what a run folder is for."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ardsl.cli.inputs import inputs_of_run, keep_inputs
from ardsl.cli.output import noting_warnings, print_json, say
from ardsl.cli.specs import json_option, literal, pairs, split_values
from ardsl.cli.train_commands import from_here
from ardsl.common.wording import plural

if TYPE_CHECKING:
    import numpy as np

    from ardsl.compiler.latent.model import LatentModel
    from ardsl.model.model import Variable
    from ardsl.spec import Spec

F = TypeVar("F", bound=Callable[..., Any])

directory_argument = click.argument("directory", metavar="DIR")
device_option = click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, mps or auto.")


unknown_option = click.option(
    "--unknown",
    type=click.Choice(["missing", "error"]),
    default="missing",
    show_default=True,
    help="What values outside their domains are, such as a category that training never saw; and columns that are not "
    "there.",
)
bound_option = click.option(
    "--samples",
    "bound",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="With latent variables: the samples of the importance-weighted bound.",
)


def data_options(function: F) -> F:
    """``--data``, ``--split`` and ``--data-dir``."""
    for option in (
        click.option("--data-dir", metavar="DIR", help="Where the paths of the spec's data block start."),
        click.option(
            "--split",
            type=click.Choice(["train", "valid", "test"]),
            default="test",
            show_default=True,
            help="Which split of the spec's data block, where --data is not given.",
        ),
        click.option("--data", metavar="PATH", help="The data: PATH or PATH#KEY."),
    ):
        function = option(function)
    return function


@click.command("eval")
@directory_argument
@data_options
@bound_option
@click.option("--orders", type=click.IntRange(min=1), help="Under any(...): the mixture of the first so many orders.")
@click.option("--examples", type=click.IntRange(min=1), help="So many examples, drawn from all, in place of all.")
@device_option
@json_option
def eval_command(
    directory: str,
    data: str | None,
    split: str,
    data_dir: str | None,
    bound: int,
    orders: int | None,
    examples: int | None,
    device: str,
    as_json: bool,
) -> None:
    """Measure the exact likelihood of data under a trained model, or with latent variables a bound on it."""
    from ardsl.queries.evaluate import evaluate
    from ardsl.runs.restore import restore

    model = restored(directory, restore, device)
    source = data_of(directory, model.spec, data, split, data_dir)
    evaluation = evaluate(model, samples=bound, orders=orders, examples=examples, **source)
    if as_json:
        figures: dict[str, Any] = {
            "nll": evaluation.nll,
            "standard_error": evaluation.standard_error if evaluation.examples > 1 else None,
            "bits_per_dim": evaluation.bits_per_dim,
            "examples": evaluation.examples,
        }
        if evaluation.elbo is not None:
            figures |= {"samples": evaluation.samples, "elbo": evaluation.elbo, "kl": dict(evaluation.kl)}
        if (some := evaluation.orders) is not None:
            figures |= {"orders": some.count, "order_nll": some.nll}
            figures |= {"order_error": some.standard_error if some.count > 1 else None, "mixtures": some.mixtures}
        print_json(figures)
        return
    error = f" ± {evaluation.standard_error:.4f}" if evaluation.examples > 1 else ""
    bounded = evaluation.elbo is not None
    say(f"examples      {evaluation.examples:,}")
    say(f"mean NLL      {'≤ ' if bounded else ''}{evaluation.nll:.4f}{error} nats")
    if model.spec.model.counts_bits:
        say(f"bits per dim  {'≤ ' if bounded else ''}{evaluation.bits_per_dim:.4f}")
    if (some := evaluation.orders) is not None:
        say(f"orders        {_of_orders(model.spec, some.count)}")
        error = f" ± {some.standard_error:.4f}" if some.count > 1 else ""
        say(f"one order     {some.nll:.4f}{error} nats, the mean over these orders")
        for count, nll in some.mixtures.items():
            say(f"{f'mixture of {count:,}':<13} {nll:.4f} nats")
    if evaluation.elbo is not None:
        say(f"bound         importance-weighted, {plural(evaluation.samples or 1, 'sample')}")
        say(f"ELBO          {evaluation.elbo:.4f} nats")
        for name, value in evaluation.kl.items():
            say(f"{f'KL of {name}':<13} {value:.4f} nats")


def _of_orders(spec: Spec, orders: int) -> str:
    """How many of its orders a model was evaluated under."""
    every = max(len(v.orders) for v in spec.model.observed)
    return f"all {every:,}" if orders == every else f"the first {orders:,} of {every:,}"


@click.command("score")
@directory_argument
@data_options
@click.option("-o", "--output", metavar="FILE.csv", required=True, help="The table to write.")
@click.option("--by-column", is_flag=True, help="Also log p of each cell given the rest of its row.")
@unknown_option
@bound_option
@device_option
def score_command(
    directory: str,
    data: str | None,
    split: str,
    data_dir: str | None,
    output: str,
    by_column: bool,
    unknown: str,
    bound: int,
    device: str,
) -> None:
    """Write the log-probability of every row, in nats and in the data's order, or with latent variables a bound: of
    rows with empty cells that of what is there, where it has to be estimated with its standard error."""
    import numpy as np

    from ardsl.outputs.tables import write_cell_scores, write_scores
    from ardsl.queries.conditionals import score_cells
    from ardsl.queries.evaluate import scores
    from ardsl.runs.restore import restore

    model = restored(directory, restore, device)
    chosen = data_of(directory, model.spec, data, split, data_dir)
    keep_inputs(output, *inputs_of_run(directory, model.spec, chosen))
    with noting_warnings():
        scored = scores(model, samples=bound, unknown=unknown, **chosen)
    if by_column:
        with warnings.catch_warnings():  # unknown values were counted above
            warnings.simplefilter("ignore", UserWarning)
            by_cell = score_cells(model, unknown=unknown, **chosen)
        write_cell_scores(output, scored, by_cell)
    else:
        write_scores(output, scored)
    what = "lower bounds on the log-probabilities" if scored.bounded else "the log-probabilities"
    say(f"wrote {what} of {plural(len(scored.log_prob), 'row')} to {output}")
    estimated = int((scored.standard_error > 0).sum())
    if estimated:
        say(f"note: {plural(estimated, 'row')} estimated, since values are missing: see `standard_error`", err=True)
    lacking = int(np.isnan(scored.log_prob).sum())
    if lacking:
        say(f"note: {plural(lacking, 'row')} of these without one, since values are missing", err=True)


@click.command("sample")
@directory_argument
@click.option("-n", "count", type=click.IntRange(min=1), help="How many samples: 64, or 1 of sound.")
@click.option(
    "--given",
    metavar="NAME=VALUE",
    multiple=True,
    callback=pairs,
    help="A conditioning variable's value: a number, a label, a list, or PATH#KEY; once for each variable. "
    "Labels need no quotes: [odd, even]. "
    "A list for a scalar has one value for each sample.",
)
@click.option("--seed", type=click.IntRange(min=0), help="The same seed gives the same samples.")
@click.option(
    "-o", "--output", metavar="FILE", required=True, help=".npz, .csv, .png, .wav for sound, or .txt for text."
)
@click.option("--length", type=click.IntRange(min=1), help="How long samples are, where their length varies.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="The same of sound, in seconds.")
@click.option(
    "--prefix",
    "--begin",
    "begin",
    metavar="PATH",
    help="The first time steps of all samples: a sound's file, PATH#KEY of an array, or of a text its characters.",
)
@click.option(
    "--where",
    metavar="EVENT",
    help='Samples in which this holds, such as "age >= 65 and income < 30000", drawn from their distribution given it.',
)
@click.option("--fix", metavar="NAME", multiple=True, help="A latent variable of which all samples share one draw.")
@click.option(
    "--between",
    metavar="NAME",
    help="Samples along the line between two draws of a latent variable, all else the same.",
)
@device_option
def sample_command(
    directory: str,
    count: int | None,
    given: dict[str, str],
    seed: int | None,
    output: str,
    length: int | None,
    seconds: float | None,
    begin: str | None,
    where: str | None,
    fix: tuple[str, ...],
    between: str | None,
    device: str,
) -> None:
    """Draw samples from a trained model."""
    from ardsl.data.prefixes import read_prefix
    from ardsl.errors import ArdslError
    from ardsl.outputs.samples import check_output, write_samples
    from ardsl.runs.restore import restore

    model = restored(directory, restore, device)
    check_output(output, model.spec)
    conditioning = _conditioning(model.spec, given)
    count = _count(conditioning or {}, count, 1 if output.lower().endswith(".wav") else 64)
    places = [output]
    if output.lower().endswith(".wav") and count > 1:
        places = [str(Path(output).with_stem(f"{Path(output).stem}-{row}")) for row in range(count)]
    read = [text for text in (*given.values(), begin or "") if "#" in text or Path(text).suffix]
    read += map(str, inputs_of_run(directory, model.spec))
    for place in places:
        keep_inputs(place, *read)
    lengths = _lengths(model.spec, count, length, seconds)
    draws = None
    if any(variable.kind == "latent" for variable in model.spec.variables.values()):
        if begin is not None or where is not None:
            option = "--where" if begin is None else "--prefix"
            raise ArdslError(f"{option} is for models without latent variables")
        samples = _with_latent(model, count, conditioning, lengths, seed, fix, between)
    elif fix or between is not None:
        raise ArdslError(f"{'--fix' if fix else '--between'} is for latent variables, and this model has none")
    elif where is not None and (begin is not None or lengths is not None):
        raise ArdslError("--where is for whole samples of a fixed length, without --prefix")
    elif where is not None:
        draws = model.draws(count, conditioning, where, seed=seed)
        samples = draws.values
    elif begin is not None:
        first = read_prefix(model.spec, begin)
        samples = model.sample(count, conditioning, lengths=lengths, prefix=first, seed=seed)
    else:
        samples = model.sample(count, conditioning, lengths=lengths, seed=seed)
    write_samples(output, model.spec, samples, conditioning, lengths)
    say(f"wrote {plural(count, 'sample')} to {' … '.join(dict.fromkeys([places[0], places[-1]]))}")
    if draws is not None and not draws.exact:
        say(draws.accuracy)


def _with_latent(
    model: LatentModel,
    count: int,
    given: dict[str, Any] | None,
    lengths: dict[str, Any] | None,
    seed: int | None,
    fix: tuple[str, ...],
    between: str | None,
) -> Any:
    """Samples of a model with latent variables: those that share some, or lie between two values of one."""
    from ardsl.errors import ArdslError

    if between is None:
        return model.sample(count, given, lengths=lengths, fix=fix, seed=seed)
    if fix:
        raise ArdslError("with --between all else is the same: leave --fix out")
    return model.between(between, count, given, lengths=lengths, seed=seed)


def _count(conditioning: dict[str, Any], count: int | None, otherwise: int) -> int:
    """The number of samples: as asked for, or one for each of several conditions."""
    from ardsl.errors import ArdslError

    several = {name: len(value) for name, value in conditioning.items() if len(value) > 1}
    count = count or max(several.values(), default=otherwise)
    for name, rows in several.items():
        if rows != count:
            raise ArdslError(f"--given {name} has {rows:,} values, one for each sample, and there are to be {count:,}")
    return count


def _lengths(spec: Spec, count: int, length: int | None, seconds: float | None) -> dict[str, np.ndarray] | None:
    """As many places for each sample of the variables whose length varies."""
    import numpy as np

    from ardsl.errors import ArdslError

    if length is not None and seconds is not None:
        raise click.UsageError("give `--length` or `--seconds`, not both")
    if seconds is not None:
        if not math.isfinite(seconds):
            raise ArdslError(f"`--seconds` takes a number of seconds, not {seconds}")
        if spec.model.data.rate is None:
            raise ArdslError("`--seconds` needs a rate: `data { rate = 16000 }` in the spec")
        length = max(1, round(seconds * spec.model.data.rate))
    if length is None:
        return None
    varying = [v for v in spec.model.observed if v.varies]
    if not varying:
        raise ArdslError("no variable has a length that varies")
    longest = min(v.shape[0] for v in varying)
    if length > longest:
        raise ArdslError(f"`{varying[0].name}` has at most {longest:,} places, and that is {length:,}")
    return {v.name: np.full(count, length) for v in varying}


def restored(directory: str, restore: Callable[..., Any], device: str) -> Any:
    """The model of a run folder, with a note where its training has not ended."""
    from ardsl.runs.reading import has_ended

    click.get_current_context().meta["ardsl.subject"] = directory
    model = restore(directory, device)
    if not has_ended(directory):
        say(f"note: the training in {directory} has not ended; these are its best weights so far", err=True)
    return model


def data_of(directory: str, spec: Spec, data: str | None, split: str, data_dir: str | None) -> dict[str, Any]:
    """The data options as :func:`ardsl.evaluate` takes them; the spec's own paths start where it was trained from."""
    from ardsl.data.sources import split_key
    from ardsl.diagnostics.rules.data import BAD_RUN
    from ardsl.errors import data_error
    from ardsl.runs.reading import data_directory

    if data is not None:
        return {"data": from_here(data), "split": split, "data_dir": data_dir}
    if data_dir is not None:
        return {"data": None, "split": split, "data_dir": Path(data_dir)}
    start = data_directory(directory)
    block = spec.model.data
    source = block.train if split == "valid" and isinstance(block.valid, float) else getattr(block, split)
    problem = None
    if not os.path.isdir(start):  # also where no path can be so long
        problem = "the spec it was trained from is not where it was"
    elif source is not None and not os.path.exists(start / split_key(source)[0]):
        problem = f"its {split} data, `{split_key(source)[0]}`, is not where it was, in {os.path.normpath(start)}"
    if problem is not None:
        raise data_error(BAD_RUN, path=directory, problem=f"{problem}: give --data-dir or --data")
    return {"data": None, "split": split, "data_dir": start}


def _conditioning(spec: Spec, given: dict[str, str]) -> dict[str, Any] | None:
    """Every conditioning variable's values, checked against its domain."""
    from ardsl.diagnostics.suggest import did_you_mean
    from ardsl.errors import ArdslError

    known = {variable.name: variable for variable in spec.model.given}
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known)
            raise ArdslError(f"the model has no conditioning variable `{name}`" + (f": {hint}" if hint else ""))
    missing = [name for name in known if name not in given]
    if missing:
        raise ArdslError(f"the model needs {' '.join(f'--given {name}=VALUE' for name in missing)}")
    return {name: _given_values(known[name], text) for name, text in given.items()} or None


def _given_values(variable: Variable, text: str) -> np.ndarray:
    import numpy as np

    from ardsl.data.examples import read_variable
    from ardsl.data.sources import FORMATS, open_source

    path, key, _ = text.partition("#")
    if path.endswith(tuple(FORMATS)) or (key and os.path.isdir(path)):
        return read_variable(variable, open_source(from_here(text)))
    values = np.array(_rows(_written(text, variable), variable))
    return read_variable(variable, open_source({variable.name: values}), f"--given {variable.name}")


def _written(text: str, variable: Variable) -> Any:
    """The value that a text writes: a label, or a list of them, needs no quotes; a text is its characters."""
    from ardsl.compiler.arrays.labels import is_text

    labels = (variable.domain.labels if variable.domain is not None else None) or ()
    if text in labels:
        return text
    if labels and text.startswith("[") and text.endswith("]"):
        return [_written(part, variable) for part in split_values(text[1:-1])] if text[1:-1].strip() else []
    value = literal(text)
    return list(value) if isinstance(value, str) and is_text(variable) else value


def _rows(value: Any, variable: Variable) -> Sequence[Any]:
    """One example's value as a batch of one, a value for each element; of a scalar also one for each sample."""
    from ardsl.errors import ArdslError

    if isinstance(value, list) and not variable.shape and value:
        return value
    if isinstance(value, list) != bool(variable.shape):
        wanted = f"a list of the shape {list(variable.shape)}" if variable.shape else "one value"
        raise ArdslError(f"--given {variable.name}: `{variable.name}` takes {wanted}")
    return [value]
