"""Where output goes: terminals that nothing in a name can steer, and outputs that take nothing any more."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ardsl
from ardsl.common.wording import LONGEST_MESSAGE, one_line, printable
from tests.support.commands import GOOD, Run

HOSTILE = "\x1b[31mred\x07\u202e"
TRAINED = "train { epochs = 2  batch = 10 }\n"


@pytest.fixture
def spec(here: Path) -> str:
    (here / "small.ar").write_text(f"model small\n{GOOD}{TRAINED}")
    np.save(here / "x.npy", np.random.default_rng(0).integers(0, 2, (20, 4, 4)))
    return "small.ar"


def _clean(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text)


@pytest.mark.thorough
def test_names_cannot_steer_the_terminal(run: Run, spec: str) -> None:
    folder = f"run{HOSTILE}"
    table = f"t{HOSTILE}.csv"
    Path(table).write_text(f"a{HOSTILE},b\n1,x\n0,y\n1,x\n1,y\n")
    copy = f"s{HOSTILE}.ar"
    Path(copy).write_text(Path(spec).read_text().replace(" : ", "  :  "))
    commands = [
        ("train", spec, "--data", "train=x.npy", "--out", folder),
        ("train", spec, "--data", "train=x.npy", "--out", folder, "--resume"),
        ("train", spec, "--data", "train=x.npy", "--out", folder),
        ("eval", folder, "--data", "x.npy"),
        ("score", folder, "--data", "x.npy", "-o", f"o{HOSTILE}.csv"),
        ("sample", folder, "-n", "2", "-o", f"o{HOSTILE}.npz"),
        ("calibrate", folder, "--data", "x.npy", "-o", f"o{HOSTILE}.png"),
        ("new", table, "-o", f"n{HOSTILE}.ar"),
        ("new", table, "-o", f"n{HOSTILE}.ar"),
        ("check", copy),
        ("fmt", copy),
        ("graph", copy, "-o", f"g{HOSTILE}.svg"),
        ("check", HOSTILE),
        ("explain", HOSTILE),
        (HOSTILE,),
    ]
    for words in commands:
        result = run(*words)
        assert result.exit_code in (0, 2), result.stderr
        assert _clean(result.stdout) and _clean(result.stderr), words


def test_no_message_is_over_a_screen(run: Run) -> None:
    name = "x" * 4_000
    result = run("check", name)
    assert result.exit_code == 2 and len(result.stderr) <= LONGEST_MESSAGE + len("error: \n")
    assert result.stderr.endswith("xxx: file name too long\n")  # the end is kept, where the way out stands
    long = one_line("a" * 5_000 + "\x1b" + "b" * 5_000)
    assert len(long) == LONGEST_MESSAGE and long.isprintable() and " … " in long
    text = f"observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via {'m' * 50_000}\n"
    with pytest.raises(ardsl.SpecError) as caught:
        ardsl.loads(text)
    from ardsl.diagnostics.render import render

    assert len(render(caught.value.diagnostics[0])) < 2_000


def test_what_cannot_be_shown_is_replaced() -> None:
    assert printable("a\x1b[2Jb\u202e\x85c\u00a0d\te") == "a\ufffd[2Jb\ufffd\ufffdc d\ufffde"
    assert printable("a\nb", keep="\n") == "a\nb"


@pytest.mark.thorough
def test_terminal_text_is_written_in_one_place() -> None:
    """Whoever prints elsewhere forgets that paths hold anything, and that outputs may take nothing."""
    package = Path(ardsl.__file__).parent
    printing = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "click.echo", "click.secho"):
                printing.add(str(path.relative_to(package)))
    assert printing == {"cli/output.py", "training/progress.py"}


# Outputs that take nothing


def _ardsl(redirected: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command with its streams as a shell redirects them."""
    program = "from ardsl.cli import main; main()"
    line = f'exec "$@" {redirected}'
    return subprocess.run(
        ["bash", "-c", line, "bash", sys.executable, "-c", program, *words], capture_output=True, text=True
    )


@pytest.mark.thorough
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="takes Linux's /dev/full")
def test_a_full_disk_is_one_line(here: Path) -> None:
    for words in (("check", "good.ar"), ("--help",), ("graph", "good.ar", "--json"), ("families",)):
        done = _ardsl(">/dev/full", *words)
        assert done.returncode == 2
        assert done.stderr == "error: standard output cannot be written: no space left on device\n"
    done = _ardsl("2>/dev/full", "check", "bad.ar")
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.thorough
def test_closed_streams_are_as_good_as_nowhere(here: Path) -> None:
    assert _ardsl(">&- 2>&-", "check", "good.ar").returncode == 0
    assert _ardsl(">&- 2>&-", "check", "bad.ar").returncode == 1
    done = _ardsl("<&- >&-", "graph", "good.ar", "-o", "g.json")
    assert done.returncode == 0
    assert Path("g.json").read_text().startswith("{")  # the file has not got the place of standard output


@pytest.mark.thorough
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="takes Linux's /dev/full")
@pytest.mark.parametrize(
    "redirected, code",
    [(">/dev/full 2>&1", 2), pytest.param("2>&1 | true; exit ${PIPESTATUS[0]}", 141, marks=pytest.mark.slow)],
)
def test_a_training_outlives_its_output(spec: str, redirected: str, code: int) -> None:
    if "|" in redirected:  # a pipe takes no `exec`
        program = f"{sys.executable} -c 'from ardsl.cli import main; main()' train {spec} --data train=x.npy"
        done = subprocess.run(["bash", "-c", f"{program} {redirected}"], capture_output=True, text=True)
    else:
        done = _ardsl(redirected, "train", spec, "--data", "train=x.npy")
    assert done.returncode == code
    assert len(Path("runs/small/metrics.jsonl").read_text().splitlines()) == 2
    assert ardsl.restore("runs/small").sample(1).shape == (1, 4, 4)
