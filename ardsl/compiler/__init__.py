"""The compiler's back end: a spec to one torch module, which scores, samples and is trained."""

from ardsl.compiler.compile import compile_model
from ardsl.compiler.latent.model import LatentModel
from ardsl.compiler.model import AutoregressiveModel

__all__ = ["AutoregressiveModel", "LatentModel", "compile_model"]
