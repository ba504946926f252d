"""The Bayesian network of the specs, trained on its own samples: any cells given any, against all 256 states."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import ardsl
from ardsl.cli import main
from ardsl.runs.restore import restore

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asia")
    sys.path.insert(0, str(ROOT / "specs" / "data"))
    try:
        import make_asia
    finally:
        sys.path.pop(0)
    make_asia.ROWS.update(train=4_000, test=10)
    make_asia.main(str(folder))
    spec = ardsl.load(ROOT / "specs" / "bayes_net.ar")
    ardsl.fit(spec, out=folder / "run", data_dir=folder, epochs=6, progress=False)
    return folder / "run"


@pytest.fixture(scope="module")
def network(run: Path) -> tuple[ardsl.AutoregressiveModel, np.ndarray, np.ndarray]:
    """The model in double precision, its states, and their probabilities."""
    model = restore(run).double()
    names = [v.name for v in model.spec.model.observed]
    states = np.array(list(itertools.product((0, 1), repeat=len(names))))
    with torch.no_grad():
        log_prob = model.log_prob({name: states[:, column] for column, name in enumerate(names)})
    return model, states, log_prob.exp().numpy()


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(20))
def test_any_cells_given_any(network: tuple[ardsl.AutoregressiveModel, np.ndarray, np.ndarray], seed: int) -> None:
    model, states, probs = network
    names = [v.name for v in model.spec.model.observed]
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(names))
    known, asked = order[: generator.integers(0, 5)], order[5 : 5 + generator.integers(1, 4)]
    values = generator.integers(0, 2, len(names))
    given = (states[:, known] == values[known]).all(1)
    event = (states[:, asked] == values[asked]).all(1)
    condition = {names[c]: int(values[c]) for c in known}
    expected = probs[given & event].sum() / probs[given].sum()
    text = " and ".join(f"{names[c]} = {values[c]}" for c in asked)
    answer = model.probability(text, given=condition)
    assert answer.exact and answer.value == pytest.approx(expected, rel=1e-9)
    cell = names[asked[0]]
    single = probs[given & (states[:, asked[0]] == 1)].sum() / probs[given].sum()
    assert float(model.conditional(cell, given=condition).probs[0, 1]) == pytest.approx(single, rel=1e-9)
    gaps = {name: np.where(np.isin(c, known), float(values[c]), np.nan)[None] for c, name in enumerate(names)}
    assert float(model.marginal(gaps).value.exp()) == pytest.approx(probs[given].sum(), rel=1e-9)


@pytest.mark.thorough
def test_commands(run: Path, tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, ["probability", str(run), "cancer = 1 | smoking = 1"])
    first, second = shown.output.splitlines()
    assert first.startswith("probability   0.") and first.endswith(" exact")
    assert second == "of            the joint distribution of the spec"
    wrong = CliRunner().invoke(main, ["probability", str(run), "cance = 1"])
    assert wrong.exit_code == 2
    assert wrong.output == "error[AR540]: `cance = 1`: there is no column `cance`: did you mean `cancer`?\n"
    table = tmp_path / "rows.csv"
    words = ["sample", str(run), "-n", "50", "--where", "cancer = 1 and xray != 1", "--seed", "0", "-o", str(table)]
    assert CliRunner().invoke(main, words).output == f"wrote 50 samples to {table}\n"
    header, *rows = [line.split(",") for line in table.read_text().splitlines()]
    assert {(row[header.index("cancer")], row[header.index("xray")]) for row in rows} == {("1", "0")}
