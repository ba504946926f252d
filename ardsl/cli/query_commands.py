"""``ardsl probability``: how likely an event is."""

from __future__ import annotations

import click

from ardsl.cli.output import print_json, say
from ardsl.cli.runs_commands import device_option, directory_argument, restored
from ardsl.cli.specs import json_option


@click.command("probability")
@directory_argument
@click.argument("event", metavar="EVENT")
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="The particles that it is estimated from, where it is not exact.",
)
@click.option("--seed", type=click.IntRange(min=0), help="The same seed gives the same estimate.")
@device_option
@json_option
def probability_command(directory: str, event: str, samples: int, seed: int | None, device: str, as_json: bool) -> None:
    """Give the probability of an event, and how exact it is.

    EVENT compares columns with values, such as "age >= 65 and income < 30000", perhaps given others behind a bar:
    "age >= 65 | sex = 'F'".
    """
    from ardsl.runs.restore import restore

    model = restored(directory, restore, device)
    answer = model.probability(event, samples=samples, seed=seed)
    if as_json:
        print_json(
            {
                "probability": answer.value,
                "exact": answer.exact,
                "standard_error": answer.standard_error,
                "effective_samples": answer.effective_samples,
                "samples": answer.samples,
                "joint": answer.joint,
                "several": answer.several,
            }
        )
        return
    say(f"probability   {answer}")
    say(f"of            {answer.joint}")
