"""``ardsl probability``: how likely an event is."""

from __future__ import annotations

import click

from ardsl.cli.output import print_json, say
from ardsl.cli.runs_commands import device_option, directory_argument, restored
from ardsl.cli.specs import json_option


@click.command("probability")
@directory_argument
@click.argument("event", metavar="EVENT")
@device_option
@json_option
def probability_command(directory: str, event: str, device: str, as_json: bool) -> None:
    """Give the probability of an event, and how exact it is.

    EVENT compares columns with values, such as "age >= 65 and income < 30000", perhaps given others behind a bar:
    "age >= 65 | sex = 'F'".
    """
    from ardsl.runs.restore import restore

    model = restored(directory, restore, device)
    answer = model.probability(event)
    if as_json:
        print_json(
            {
                "probability": answer.value,
                "exact": answer.exact,
                "standard_error": answer.standard_error,
                "effective_samples": answer.effective_samples,
                "samples": answer.samples,
                "joint": answer.joint,
            }
        )
        return
    say(f"probability   {answer}")
    say(f"of            {answer.joint}")
