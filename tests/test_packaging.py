"""The wheel is complete: installed away from the checkout, it finds its grammar, its networks and its types."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPEC = "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 8)\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without reaching for a package index."""
    target = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)]
    subprocess.run(words, check=True, capture_output=True)
    (found,) = target.glob("ardsl-*.whl")
    return found


@pytest.mark.slow
def test_the_wheel_holds_the_grammar_and_nothing_but_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        grammar = archive.read("ardsl/grammars/ardsl.lark")
    assert grammar == (ROOT / "grammars/ardsl.lark").read_bytes()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"ardsl"}
    assert "ardsl/py.typed" in names


@pytest.mark.slow
def test_the_source_distribution_says_that_it_is_typed(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(words, check=True, capture_output=True)
    (found,) = tmp_path.glob("ardsl-*.tar.gz")
    with tarfile.open(found) as archive:
        assert any(name.endswith("/ardsl/py.typed") for name in archive.getnames())


@pytest.mark.slow
def test_a_typed_script_passes_strict_mypy() -> None:
    """What README shows, with types, against the types that the package says it has."""
    words = [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(ROOT / "tests/typed/script.py")]
    done = subprocess.run(words, cwd=ROOT, env=os.environ | {"MYPYPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "Success: no issues found in 1 source file\n")


@pytest.mark.slow
def test_the_installed_wheel_checks_a_spec(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*words, str(wheel)], check=True, capture_output=True)
    (tmp_path / "spec.ar").write_text(SPEC)
    # The first entry of the path wins over an editable install.
    program = (
        f"import ardsl; assert ardsl.__file__.startswith({str(target)!r}), ardsl.__file__\n"
        "from ardsl.cli import main; main(['check', 'spec.ar'])"
    )
    environment = os.environ | {"PYTHONPATH": str(target)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "spec.ar: sound and complete: p(x) = ∏ p(x[i] | x[<i])\n"
