"""``ardsl train``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ardsl.cli.output import complain, noting_warnings, say, show_diagnostics
from ardsl.cli.signals import INTERRUPTED, Terminated, ending, raising_sigterm
from ardsl.cli.specs import open_spec, set_option, spec_argument

if TYPE_CHECKING:
    from ardsl.spec import Spec

_SPLITS = ("train", "valid", "test")


def _sources(context: click.Context, option: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """``SPLIT=PATH`` options as a dict."""
    sources: dict[str, str] = {}
    for value in values:
        split, equals, path = value.partition("=")
        if not equals or split not in _SPLITS or not path:
            names = ", ".join(f"{name}=PATH" for name in _SPLITS)
            raise click.BadParameter(f"`{value}` is none of {names}", context, option)
        sources[split] = path
    return sources


@click.command("train")
@spec_argument
@set_option
@click.option(
    "--data",
    "sources",
    metavar="SPLIT=PATH",
    multiple=True,
    callback=_sources,
    help="Where the train, valid or test data is: PATH or PATH#KEY. May be repeated.",
)
@click.option("--data-dir", metavar="DIR", help="Where the paths in the spec's data block start (default: the spec).")
@click.option("--out", metavar="DIR", help="The run folder (default: runs/NAME).")
@click.option("--epochs", type=click.IntRange(min=0), help="Epochs at most, instead of the spec's.")
@click.option("--seed", type=click.IntRange(min=0), help="The seed, instead of the spec's.")
@click.option("--precision", metavar="P", help="16, bf16, 32 or 64, instead of the spec's.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps.")
@click.option("--devices", type=click.IntRange(min=1), help="Devices of this machine, to train on together.")
@click.option("--strategy", metavar="S", help="How several devices work together: ddp or fsdp.")
@click.option("--resume", is_flag=True, help="Go on with a training that was cut short, from its last checkpoint.")
@click.option(
    "--checkpoint-every",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to write all that it takes to resume.",
)
@click.option("--tensorboard", is_flag=True, help="Write the curve for TensorBoard, too, into the run folder.")
@click.option("--fast-dev-run", is_flag=True, help="Try everything on one batch, and write nothing.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def train_command(
    file: str,
    settings: dict[str, str],
    sources: dict[str, str],
    data_dir: str | None,
    out: str | None,
    epochs: int | None,
    seed: int | None,
    precision: str | None,
    device: str,
    devices: int | None,
    strategy: str | None,
    resume: bool,
    checkpoint_every: float,
    tensorboard: bool,
    fast_dev_run: bool,
    quiet: bool,
) -> int:
    """Train a spec on its data; leaves a run folder with the weights, the spec and the training curve.

    Options override the spec's `data` and `train` blocks. Paths of --data are relative to the working directory. The
    first Ctrl-C, or a SIGTERM, stops after the current step and keeps the best weights; --resume with the same options
    goes on. A second Ctrl-C stops at once, and keeps the last checkpoint.
    """
    spec = open_spec(file, settings)
    _show_warnings(spec)
    from ardsl.diagnostics.rules.data import BAD_CHECKPOINT
    from ardsl.errors import DataError
    from ardsl.runs.reading import STATE
    from ardsl.training.distributed.processes import is_first
    from ardsl.training.fit import TrainingError, fit

    directory = Path(out) if out is not None else Path("runs", spec.name)
    try:
        with raising_sigterm(), noting_warnings():
            run = fit(
                spec,
                {split: from_here(path) for split, path in sources.items()} or None,
                directory,
                epochs=epochs,
                device=device,
                devices=devices,
                strategy=strategy,
                seed=seed,
                precision=precision,
                data_dir=data_dir,
                progress=not quiet,
                resume=resume,
                checkpoint_every=checkpoint_every,
                fast_dev_run=fast_dev_run,
                tensorboard=tensorboard,
            )
    except TrainingError as error:
        complain(str(error))
        return 1
    except DataError as error:
        if not (directory / STATE).is_file() or error.code == BAD_CHECKPOINT.code:
            raise
        complain(f"{error}; after mending that, resume with `{_resuming_command()}`")
        return 2
    except (KeyboardInterrupt, Terminated) as error:
        return _interrupted(error, directory)
    if not is_first():
        return 0
    if fast_dev_run:
        say("One step and one validation went through; nothing was written.")
        return 0
    declared = spec.model.data.test is not None and "test" not in sources
    _say_next(spec, directory, test_data=None if declared else sources.get("test", "PATH"))
    if run.stopped != "interrupted":
        return 0
    say(f"  {_resuming_command()}")
    return INTERRUPTED


def _interrupted(error: BaseException, directory: Path) -> int:
    """Says that a training was interrupted before it could return a run, and how to resume it; gives the exit code."""
    from ardsl.runs.reading import STATE

    word, code = ending(error)
    if (directory / STATE).is_file():
        say(f"{word}; resume with")
        say(f"  {_resuming_command()}")
    else:
        say(word, err=True)
    return code


def _say_next(spec: Spec, directory: Path, test_data: str | None) -> None:
    """Says where the run is, and the commands to evaluate it and to sample from it."""
    from ardsl.runs.reading import SAMPLES

    samples = [directory / name for name in SAMPLES if (directory / name).is_file()]
    seen = f", samples in {samples[0]}" if samples else ""
    say(f"The run is in {directory}{seen}. Next:")
    run_folder = shlex.quote(str(directory))
    data = "" if test_data is None else f" --data {test_data}"
    say(f"  ardsl eval {run_folder}{data}")
    options = {".png": "-n 64 -o samples.png", ".txt": "-n 16 -o samples.txt", ".wav": "-o sample.wav"}
    output = options.get(samples[-1].suffix if samples else "", "-n 64 -o samples.csv")
    given = "".join(f" --given {variable.name}=VALUE" for variable in spec.model.given)
    say(f"  ardsl sample {run_folder}{given} {output}")


def _resuming_command() -> str:
    """The command that resumes this training."""
    words = sys.argv[1:]
    return shlex.join(["ardsl", *words, *([] if "--resume" in words else ["--resume"])])


def from_here(source: str) -> Any:
    """A source of the command line: its path starts at the working directory, not at the spec."""
    if source.replace(".", "", 1).isdecimal():  # a share of the training data
        return source
    path, mark, key = source.partition("#")
    return f"{Path(path).absolute()}{mark}{key}"


def _show_warnings(spec: Spec) -> None:
    if spec.warnings:
        show_diagnostics(spec.warnings)
