"""``check`` and ``fmt``: exit codes, JSON, standard input, unreadable files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.commands import BAD, GOOD, Run

UGLY = "observed   x[4] :binary # bits\np( x[i]|x[<i] )=bernoulli\n"


def test_a_clean_spec_is_told_with_its_factorization(run: Run) -> None:
    result = run("check", "good.ar")
    assert result.exit_code == 0
    assert result.stdout == "good.ar: sound and complete: p(x) = ∏ p(x[i] | x[<i])\n"
    assert result.stderr == ""


def test_all_errors_are_shown_and_the_exit_code_is_1(run: Run) -> None:
    result = run("check", "bad.ar")
    assert result.exit_code == 1
    assert "bad.ar:3:3" in result.stdout and "error[AR101]" in result.stdout
    assert "\x1b[" not in result.stdout


def test_several_files_are_all_checked(run: Run) -> None:
    result = run("check", "bad.ar", "good.ar", "absent.ar")
    assert result.exit_code == 2
    assert "bad.ar:3:3" in result.stdout and "good.ar: sound" in result.stdout
    assert result.stderr == "error: absent.ar: no such file or directory\n"


def test_standard_input(run: Run) -> None:
    assert run("check", "-", stdin=GOOD).stdout.startswith("<stdin>: sound")
    assert "<stdin>:3:3" in run("check", "-", stdin=BAD).stdout


def test_json_is_one_object_with_the_diagnostics(run: Run) -> None:
    result = run("check", "--json", "bad.ar")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert set(found) == {"valid", "diagnostics"} and found["valid"] is False
    first = found["diagnostics"][0]
    assert {"code", "severity", "message", "file", "line", "column", "end_line", "end_column"} <= set(first)
    assert json.loads(run("check", "--json", "good.ar").stdout) == {"valid": True, "diagnostics": []}


@pytest.mark.parametrize(
    "written",
    [b"\xff\xfe\x00observed", b"", b"\xef\xbb\xbf" + GOOD.encode(), b"observed x\x00[4] : binary", b"[" * 5000],
)
def test_any_bytes_end_in_diagnostics(run: Run, written: bytes) -> None:
    Path("odd.ar").write_bytes(written)
    assert run("check", "odd.ar").exit_code in (0, 1)
    json.loads(run("check", "--json", "odd.ar").stdout)


def test_unreadable_files_are_one_line(run: Run, here: Path) -> None:
    Path("folder.ar").mkdir()
    result = run("check", "folder.ar")
    assert (result.exit_code, result.stderr) == (2, "error: folder.ar: is a directory\n")
    if os.geteuid():  # root may read everything
        Path("good.ar").chmod(0)
        assert run("check", "good.ar").stderr == "error: good.ar: permission denied\n"


def test_line_ends_do_not_matter(run: Run) -> None:
    Path("dos.ar").write_bytes(BAD.replace("\n", "\r\n").encode())
    assert run("check", "dos.ar").stdout == run("check", "bad.ar").stdout.replace("bad.ar", "dos.ar")


def test_settings_keep_the_parameters_type(run: Run) -> None:
    Path("param.ar").write_text(
        'param width = 3\nparam sizes = [4]\nparam rate = 0.5\nparam name = "relu"\nparam direct = true\n'
        "observed x[5] : binary\n"
        "p(x[i] | x[<i]) = bernoulli via made(hidden = sizes, activation = name, direct = direct, dropout = rate)\n"
    )
    words = [
        "--set=width=5", "--set=sizes=[7, 8]", "--set=rate=0", "--set=name=tanh", "--set=direct=false",
    ]  # fmt: skip
    assert run("check", "param.ar", *words).exit_code == 0
    shown = run("plan", "param.ar", *words).stdout
    assert 'made(hidden = [7, 8], activation = "tanh", direct = false, residual = false, dropout = 0.0)' in shown
    assert "`width` is given twice" in run("check", "param.ar", "--set=width=5", "--set=width=6").stderr
    assert "AR109" in run("check", "param.ar", "--set", "width=2.5").stdout
    assert "AR109" in run("check", "param.ar", "--set", "width=wide").stdout
    assert "AR108" in run("check", "param.ar", "--set", "wdith=3").stdout
    assert "AR109" in run("check", "param.ar", "--set", "width=" + "9" * 5000).stdout
    assert run("check", "param.ar", "--set", "width").exit_code == 2
    assert run("check", "param.ar", "--set", "sizes=" + "[" * 20_000).exit_code == 1


def test_fmt_writes_the_canonical_layout_once(run: Run) -> None:
    Path("ugly.ar").write_text(UGLY)
    assert run("fmt", "--check", "ugly.ar").exit_code == 1
    assert Path("ugly.ar").read_text() == UGLY
    assert run("fmt", "ugly.ar").stdout == "ugly.ar: formatted\n"
    canonical = Path("ugly.ar").read_text()
    assert "# bits" in canonical and canonical != UGLY
    result = run("fmt", "ugly.ar", "--check")
    assert (result.exit_code, result.stdout) == (0, "")


def test_fmt_leaves_what_it_cannot_read(run: Run) -> None:
    Path("broken.ar").write_text("observed x[4 : binary\n")
    result = run("fmt", "broken.ar")
    assert result.exit_code == 1 and "error[AR0" in result.stderr
    assert Path("broken.ar").read_text() == "observed x[4 : binary\n"


def test_fmt_filters_standard_input(run: Run) -> None:
    result = run("fmt", "-", stdin=UGLY)
    assert result.exit_code == 0 and result.stdout.startswith("observed x[4] : binary")
    assert run("fmt", "--check", "-", stdin=UGLY).exit_code == 1
    assert run("fmt", "--check", "-", stdin=result.stdout).exit_code == 0


def test_fmt_keeps_permissions_and_links(run: Run) -> None:
    Path("ugly.ar").write_text(UGLY)
    Path("ugly.ar").chmod(0o640)
    Path("link.ar").symlink_to("ugly.ar")
    run("fmt", "link.ar")
    assert Path("link.ar").is_symlink()
    assert Path("ugly.ar").read_text() != UGLY
    assert Path("ugly.ar").stat().st_mode & 0o777 == 0o640


def test_fmt_reports_a_file_that_changed_by_line_ends_alone(run: Run) -> None:
    Path("dos.ar").write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert run("fmt", "--check", "dos.ar").exit_code == 1
    run("fmt", "dos.ar")
    assert Path("dos.ar").read_bytes() == GOOD.encode()
