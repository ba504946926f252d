"""Spoken digits without condition, by speaker, and by speaker and digit: bits for each sample of the test recordings,
and the speaker by Bayes' rule from the likelihoods alone. Takes the folder that has `spoken_digits`; trainings cut
short go on.

    python benchmarks/spoken_digits.py DATA --out runs/spoken
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

import ardsl

SPEC = Path(__file__).parents[1] / "specs" / "spoken_digits.ar"
CONDITIONS = ("none", "speaker", "speaker and digit")


def spec_given(condition: str) -> ardsl.Spec:
    """The spec with fewer of its conditions."""
    text = SPEC.read_text()
    for name in ("speaker", "digit"):
        if name not in condition:
            lines = [line for line in text.splitlines() if not line.startswith("given") or f" {name} " not in line]
            text = "\n".join(lines).replace(f", {name})", ")").replace(f", {name},", ",")
    return ardsl.loads(text)


@torch.no_grad()
def speakers(model: ardsl.AutoregressiveModel, data: Path) -> tuple[float, int]:
    """How often the speaker of a test recording is the one whose likelihood is the highest, and of how many."""
    from ardsl.data.splits import load_split

    test = load_split(model.spec, None, "test", data_dir=data)
    every = model.spec.variables["speaker"].element_domain(0).levels or 0
    scores = [
        ardsl.score(model, {"wave": test["wave"], "speaker": np.full(len(test["wave"]), speaker)})
        for speaker in range(every)
    ]
    found = np.stack(scores, 1).argmax(1)
    return float((found == test["speaker"].numpy()).mean()), len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("data", type=Path, help="the folder that has `spoken_digits`")
    parser.add_argument("--out", type=Path, default=Path("runs/spoken"))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--only", choices=CONDITIONS)
    arguments = parser.parse_args()
    print("| given | minutes | test, bits a sample | nats a recording |")
    print("| --- | --- | --- | --- |")
    for condition in [arguments.only] if arguments.only else CONDITIONS:
        out = arguments.out / condition.replace(" ", "_")
        run = ardsl.fit(spec_given(condition), out=out, data_dir=arguments.data, epochs=arguments.epochs, resume=True)
        found = ardsl.evaluate(run.model, data_dir=arguments.data)
        nats = f"{found.nll:.1f} ± {found.standard_error:.1f}"
        print(f"| {condition} | {run.seconds / 60:.0f} | {found.bits_per_dim:.4f} | {nats} |", flush=True)
        if condition == "speaker":
            right, count = speakers(run.model, arguments.data)
            print(f"speaker by Bayes' rule: {right:.3f} of {count}", flush=True)


if __name__ == "__main__":
    main()
