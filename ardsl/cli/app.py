"""The group of all commands: each is imported when it is asked for, and every error ends in a line and an exit code.

Exit codes: 0 done; 1 a spec was rejected, or a check of it failed; 2 the command cannot be carried out as given;
70 an internal error; 130 interrupted by Ctrl-C; 141 the reader of the output went away; 143 ended by SIGTERM.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import click

from ardsl.cli.output import complain, discard, print_text, say, show_diagnostics
from ardsl.cli.signals import INTERRUPTED

REJECTED, MISUSED, INTERNAL, BROKEN_PIPE = 1, 2, 70, 141

COMMANDS = {
    "check": ("check", "Check specs: syntax, names, orders, graph, networks, soundness."),
    "fmt": ("check", "Bring specs into the canonical layout."),
    "graph": ("graph", "Draw the declared graph."),
    "plan": ("plan", "Show layers, parameters, FLOPs, memory and sampling steps."),
    "verify": ("verify", "Compare what the spec declares with what its networks realize."),
    "train": ("train", "Train a spec."),
    "sweep": ("sweep", "Train a spec for many values of its parameters."),
    "eval": ("runs", "Measure a trained model's likelihood."),
    "score": ("runs", "Write the log-probability of every row."),
    "calibrate": ("calibrate", "Test a trained model's conditionals on data."),
    "sample": ("runs", "Draw samples from a trained model."),
    "reconstruct": ("latent", "Draw data anew given what is inferred of them."),
    "new": ("table", "Write a spec for a table, ready to train."),
    "impute": ("table", "Fill the empty cells of a table."),
    "predict": ("table", "Give a column's distribution given the rest."),
    "probability": ("query", "Give the probability of an event."),
    "explain": ("reference", "Explain a diagnostic's code."),
    "networks": ("reference", "List the networks and their options."),
    "families": ("reference", "List the families of distributions."),
}
"""Each command with its module and its line of help."""


class Commands(click.Group):
    """A group that imports a command's module when the command is run, and turns errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"ardsl.cli.{module}_commands"), f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if args and name not in COMMANDS and not name.startswith("-"):
            from ardsl.diagnostics.suggest import did_you_mean

            hint = did_you_mean(name, COMMANDS)
            ctx.fail(f"there is no command `{name}`" + (f": {hint}" if hint else ""))
        return super().resolve_command(ctx, args)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Click's entry, with our lines and codes for errors of use where click would print its own."""
        run: Callable[[], Any] = partial(
            super().main, args, prog_name, complete_var, False, windows_expand_args, **extra
        )
        if not standalone_mode:
            return run()
        _open_closed_streams()
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # a terminal that cannot show ∏ shows something else
        try:
            code = run()
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = MISUSED
        except click.ClickException as error:
            code = _misused(error)
        except OSError as error:  # the help goes to a full disk
            discard(sys.stdout)
            complain(f"standard output cannot be written: {(error.strerror or str(error)).lower()}")
            code = MISUSED
        except (click.Abort, KeyboardInterrupt):
            say("interrupted", err=True)
            code = INTERRUPTED
        sys.exit(code or 0)

    def invoke(self, ctx: click.Context) -> Any:
        from ardsl.common.memory import memory_problem
        from ardsl.errors import ArdslError, SpecError

        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            return BROKEN_PIPE
        except SpecError as error:
            show_diagnostics(error.diagnostics)
            return REJECTED
        except ArdslError as error:
            complain(str(error))
            return MISUSED
        except Exception as error:
            if problem := memory_problem(error):
                complain(f"{problem}; a smaller model or batch, or fewer samples at once, take less")
                return MISUSED
            _report_internal_error(error, ctx)
            return INTERNAL


def _misused(error: click.ClickException) -> int:
    """One line for an error of use, with the way to the help."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" (see `{context.command_path} --help`)" if context else ""
    complain(error.format_message().rstrip(".") + hint)
    return error.exit_code


def _open_closed_streams() -> None:
    """Opens standard streams that this process was started without (``>&-``) on the null device: else the first files
    opened would take their places, and be overwritten by what is printed."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            stream = open(os.devnull, "r" if name == "stdin" else "w")  # noqa: SIM115 - for as long as the process lives
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def _report_internal_error(error: Exception, ctx: click.Context) -> None:
    if ctx.params.get("debug"):
        import traceback

        print_text("".join(traceback.format_exception(error)).rstrip(), err=True)
    summary = f"{type(error).__name__}: {error}".split("\n")[0][:300]
    subject = ctx.meta.get("ardsl.subject")
    of = f" with {subject}" if subject else ""
    say(f"internal error{of}: {summary}", err=True)
    say("This is a fault of ardsl, not yours. Please report it, with the spec and the command.", err=True)
    if not ctx.params.get("debug"):
        say("`ardsl --debug …` (or ARDSL_DEBUG=1) shows the traceback.", err=True)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ardsl", message="ardsl %(version)s")
@click.option("--debug", is_flag=True, envvar="ARDSL_DEBUG", help="Show the traceback of an internal error.")
def main(debug: bool) -> None:
    """A declarative language for autoregressive probabilistic models.

    A spec states a joint distribution the way a paper does; it is checked and verified before any weight exists.
    """
