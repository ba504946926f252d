"""Faults planted in a copy of the dense and of the lattice back end: every one must be rejected by plan, probe,
normalization or the agreement of the two evaluators; and in what runs along time and in what bounds likelihoods, whose
own tests must fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.along_time import FAULTS as TIME_FAULTS
from tests.faults.along_time import TESTS as TIME_TESTS
from tests.faults.latent import FAULTS as LATENT_FAULTS
from tests.faults.latent import TESTS as LATENT_TESTS
from tests.faults.lattice import FAULTS as LATTICE_FAULTS
from tests.faults.planted import FAULTS

ROOT = Path(__file__).parents[2]


def run(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with the package in this folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(package), str(ROOT)]), "OMP_NUM_THREADS": "1"},
        cwd=package,
        capture_output=True,
        text=True,
        timeout=300,
    )


def objections(package: Path, *arguments: str) -> str:
    """What the checks say of it."""
    done = run(package, str(ROOT / "tests/faults/objections.py"), *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def copy(folder: Path) -> Path:
    shutil.copytree(ROOT / "ardsl", folder / "ardsl", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "grammars", folder / "grammars")
    return folder


@pytest.mark.parametrize("arguments", [(), ("--lattice",)])
def test_the_sound_copy_raises_no_objection(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert objections(copy(tmp_path), *arguments) == ""


@pytest.mark.parametrize(("name", "file", "right", "wrong"), FAULTS, ids=[f[0] for f in FAULTS])
def test_fault_is_rejected(name: str, file: str, right: str, wrong: str, tmp_path: Path) -> None:
    plant(file, right, wrong, tmp_path)
    assert objections(tmp_path, "--first") != ""


@pytest.mark.parametrize(("name", "file", "right", "wrong"), LATTICE_FAULTS, ids=[f[0] for f in LATTICE_FAULTS])
def test_fault_of_the_lattice_is_rejected(name: str, file: str, right: str, wrong: str, tmp_path: Path) -> None:
    plant(file, right, wrong, tmp_path)
    assert objections(tmp_path, "--first", "--lattice") != ""


OWN = [(fault, TIME_TESTS) for fault in TIME_FAULTS] + [(fault, LATENT_TESTS) for fault in LATENT_FAULTS]


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "tests"), OWN, ids=[fault[0] for fault, _ in OWN])
def test_fault_makes_a_test_fail(fault: tuple[str, str, str, str], tests: list[str], tmp_path: Path) -> None:
    _, file, right, wrong = fault
    plant(file, right, wrong, tmp_path)
    each = [str(ROOT / test) for test in tests]
    options = ["-qx", "-n0", "-p", "no:cacheprovider", "--import-mode=importlib", f"--rootdir={ROOT}"]
    done = run(tmp_path, "-m", "pytest", *options, *each)
    assert done.returncode == 1 and "\n1 failed" in done.stdout, done.stdout + done.stderr


def plant(file: str, right: str, wrong: str, folder: Path) -> None:
    package = copy(folder)
    source = package / "ardsl" / file
    text = source.read_text()
    assert text.count(right) == 1, f"the code that the fault changes stands {text.count(right)} times in {file}"
    source.write_text(text.replace(right, wrong))
