"""The generated table is what the installed libraries say, and reading it costs no torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.density import LOG_DENSITIES
from ardsl.families.domains import Integer
from ardsl.families.fitting import discretizes
from ardsl.families.generate import CATALOGUE_PATH, source
from ardsl.families.intervals import LOG_INTERVALS
from ardsl.families.page import families_page, family_rows
from ardsl.families.sampling import SAMPLERS


def test_equals_regenerated() -> None:
    assert CATALOGUE_PATH.read_text(encoding="utf-8") == source(), "run python -m ardsl.families.generate"


def test_holds_the_language_page_names() -> None:
    assert {"bernoulli", "categorical", "normal", "laplace", "student_t", "poisson", "von_mises"} <= set(CATALOGUE)
    assert all(name == entry.name for name, entry in CATALOGUE.items())


def test_tables_name_families() -> None:
    assert set(SAMPLERS) | set(LOG_DENSITIES) <= set(CATALOGUE)
    discretized = {name for name, entry in CATALOGUE.items() if discretizes(entry, Integer(0, 9))}
    assert {*LOG_INTERVALS, "logistic"} == discretized


def test_every_family_can_be_drawn() -> None:
    for entry in CATALOGUE.values():
        assert entry.name in SAMPLERS or entry.icdf or entry.support in ("levels", "interval")


def test_page() -> None:
    page = families_page()
    assert all(row.name in page for row in family_rows())
    assert all(row.domains for row in family_rows())
    assert max(map(len, page.splitlines())) < 200


def test_checking_imports_no_torch() -> None:
    program = (
        "import sys\n"
        "import ardsl.families.resolve, ardsl.families.resolve_domain, ardsl.families.page\n"
        "heavy = {'torch', 'pyro', 'numpy', 'networkx'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
def test_torch_families_import_no_pyro() -> None:
    program = (
        "import sys, torch\n"
        "from ardsl.families.distributions import build_family\n"
        "from ardsl.families.domains import Real\n"
        "from ardsl.families.resolve import default_family\n"
        "law = build_family(default_family(Real()), Real())\n"
        "law.log_prob(law.initial_raw(), torch.zeros(3))\n"
        "sys.exit('imported pyro' if 'pyro' in sys.modules else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
