"""A user's script: what README shows of Python, with types."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import ardsl

spec: ardsl.Spec = ardsl.load("specs/digits.ar", width=512)
complete: bool = ardsl.verify(spec).complete
parameters: int = ardsl.plan(spec).parameters
warnings: list[ardsl.Diagnostic] = spec.warnings
try:
    ardsl.loads("observed x : real")
except ardsl.SpecError as error:
    codes: list[str] = [diagnostic.code for diagnostic in error.diagnostics]
except ardsl.ArdslError as error:
    print(error)

model = ardsl.compile(spec, seed=0, dtype=torch.float64)
module: torch.nn.Module = model
if isinstance(model, ardsl.AutoregressiveModel):
    samples = model.sample(64, seed=0)
    log_prob = model.log_prob(samples)
    if isinstance(log_prob, torch.Tensor):
        nats: float = log_prob.mean().item()
    completed = model.complete(samples, seed=1)
    answer = model.probability("x[0, 0] = 0", given={"x[0, 1]": 1})
    exact: bool = answer.exact
    quantile: torch.Tensor = model.conditional("x[0, 0]", given={"x[0, 1]": [1, 2]}).icdf(torch.tensor(0.5))
    chosen = model.sample(3, given={"x[0, 1]": 1}, where="x[0, 0] > 3", seed=0)
    for chunk in model.stream(n=2, steps=100):
        shape: torch.Size = chunk.shape
elif isinstance(model, ardsl.LatentModel):
    bound: torch.Tensor = model.log_prob_bound(model.sample(8), samples=100)
    inferred: dict[str, torch.Tensor] = model.infer(model.sample(8))

run = ardsl.fit(spec, out=Path("runs/digits"), epochs=1, progress=False)
best: int = run.best_epoch
result = ardsl.evaluate(run.model)
likelihood: tuple[float, float, float] = (result.nll, result.standard_error, result.bits_per_dim)
scores = ardsl.score(run.model, torch.zeros(3, 8, 8))
total: float = float(scores.sum())
restored = ardsl.restore("runs/digits")
again: torch.Tensor = restored.like
if isinstance(restored, ardsl.AutoregressiveModel):
    calibration = ardsl.calibrate(restored)
    examples: int = calibration.examples
    median: np.ndarray = ardsl.predict(restored, "x[0, 0]").median
    filled: torch.Tensor = ardsl.impute(restored, {"x": samples}, draws=2, seed=0).filled["x"]
    by_column: dict[str, np.ndarray] = ardsl.score_cells(restored, {"x": samples})


def shifted(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)


report = ardsl.audit(shifted, (28, 28))
sound: bool = report.sound
leaks: list[tuple[str, str]] = list(report.leaks)
names: list[str] = ardsl.save_reach("reach.png", report)
declared: int = int(ardsl.dependence(spec, "x").sum()) + int(ardsl.realized(spec, "x").sum())
