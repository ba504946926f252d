"""ardsl: a declarative language for autoregressive probabilistic models.

A spec states a joint distribution the way a paper does; everything here follows from it:

    import ardsl

    spec = ardsl.load("specs/digits.ar")
    ardsl.verify(spec).sound             # nothing leaks: proved before any weight exists
    model = ardsl.compile(spec, seed=0)  # a torch.nn.Module
    model.log_prob(x), model.sample(64)

Names are imported when they are first used: checking a spec needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ardsl.version import __version__ as __version__

if TYPE_CHECKING:
    from ardsl.compiler.compile import compile_model
    from ardsl.compiler.latent.model import LatentModel as LatentModel
    from ardsl.compiler.model import AutoregressiveModel as AutoregressiveModel
    from ardsl.diagnostics import Diagnostic as Diagnostic
    from ardsl.errors import ArdslError as ArdslError
    from ardsl.errors import DataError as DataError
    from ardsl.errors import SpecError as SpecError
    from ardsl.outputs.reach import save_reach as save_reach
    from ardsl.probing.audit import audit as audit
    from ardsl.probing.probe import verify_numeric as verify_numeric
    from ardsl.queries.calibrate import calibrate as calibrate
    from ardsl.queries.conditionals import predict as predict
    from ardsl.queries.conditionals import score_cells as score_cells
    from ardsl.queries.evaluate import evaluate as evaluate
    from ardsl.queries.evaluate import score as score
    from ardsl.queries.impute import impute as impute
    from ardsl.runs.restore import restore as restore
    from ardsl.spec import Spec as Spec
    from ardsl.spec import dependence as dependence
    from ardsl.spec import load as load
    from ardsl.spec import loads as loads
    from ardsl.spec import plan as plan
    from ardsl.spec import realized as realized
    from ardsl.spec import verify as verify
    from ardsl.training.fit import fit as fit
    from ardsl.training.sweeps.sweep import sweep as sweep

    compile = compile_model

_HOME = {
    "audit": "probing.audit:audit",
    "compile": "compiler.compile:compile_model",
    "AutoregressiveModel": "compiler.model:AutoregressiveModel",
    "LatentModel": "compiler.latent.model:LatentModel",
    "Diagnostic": "diagnostics:Diagnostic",
    "ArdslError": "errors:ArdslError",
    "DataError": "errors:DataError",
    "SpecError": "errors:SpecError",
    "calibrate": "queries.calibrate:calibrate",
    "evaluate": "queries.evaluate:evaluate",
    "impute": "queries.impute:impute",
    "predict": "queries.conditionals:predict",
    "score": "queries.evaluate:score",
    "score_cells": "queries.conditionals:score_cells",
    "save_reach": "outputs.reach:save_reach",
    "restore": "runs.restore:restore",
    "fit": "training.fit:fit",
    "sweep": "training.sweeps.sweep:sweep",
    "Spec": "spec:Spec",
    "dependence": "spec:dependence",
    "load": "spec:load",
    "loads": "spec:loads",
    "plan": "spec:plan",
    "realized": "spec:realized",
    "verify": "spec:verify",
    "verify_numeric": "probing.probe:verify_numeric",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'ardsl' has no attribute {name!r}")
    module, attribute = home.split(":")
    value = getattr(import_module(f"ardsl.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
