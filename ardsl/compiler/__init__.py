"""The compiler's back end: a spec to one torch module, its two evaluators, and the probe that checks it."""

from ardsl.compiler.model import AutoregressiveModel, compile_model

__all__ = ["AutoregressiveModel", "compile_model"]
