"""How the values of a domain are coded, and how a network sees them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ardsl.families.domains import Category, Domain, Integer, MuLaw


def encode_features(domain: Domain, value: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """What a network sees of each element: values [...] in the data's own form to features [..., domain.features].

    ``binary``: 0 or 1. ``category``: one-hot. ``integer``: from −1 to 1, and of more than 256 values also the logarithm
    of what is above the least, scaled alike. ``count``: log(1 + n). ``real``: itself. ``positive``: its logarithm.
    ``unit_interval``: 2x − 1. ``angle``: cosine and sine. ``mulaw``: the companded value of its code, from −1 to 1.
    ``dtype`` is the value's own where it is floating, else torch's default.
    """
    if dtype is None:
        dtype = value.dtype if value.dtype.is_floating_point else torch.get_default_dtype()
    if isinstance(domain, Category):
        codes = torch.arange(domain.n, dtype=value.dtype, device=value.device)
        return (value.unsqueeze(-1) == codes).to(dtype)
    if isinstance(domain, Integer):
        scaled = value.to(dtype) - (domain.low + domain.high) / 2
        linear = scaled * (2 / max(domain.high - domain.low, 1))
        if domain.features == 1:
            return linear.unsqueeze(-1)
        logarithm = (value.to(dtype) - domain.low).clamp(min=0).log1p() * (2 / math.log1p(domain.high - domain.low)) - 1
        return torch.stack([linear, logarithm], -1)
    if isinstance(domain, MuLaw):
        codes = mulaw_encode(value, domain.count)
        return (codes.to(dtype) * (2 / (domain.count - 1)) - 1).unsqueeze(-1)
    value = value.to(dtype)
    if domain.name in ("real", "binary"):
        return value.unsqueeze(-1)
    if domain.name == "angle":
        return torch.stack([value.cos(), value.sin()], -1)
    if domain.name == "count":
        value = value.log1p()
    elif domain.name == "positive":
        value = value.log()
    elif domain.name == "unit_interval":
        value = 2 * value - 1
    return value.unsqueeze(-1)


def mulaw_encode(audio: Tensor, levels: int) -> Tensor:
    """Codes 0 … levels − 1 of audio in [−1, 1], as int64; silence is code 128 of 256. Any shape.

    With μ = levels − 1, c = sign(x) log(1 + μ|x|) / log(1 + μ) and the code is (c + 1)/2 · μ rounded half up
    (ITU-T G.711; van den Oord et al., WaveNet, 2016, section 2.2). Audio outside [−1, 1] gets the outermost codes.
    """
    if not audio.dtype.is_floating_point:
        audio = audio.to(torch.get_default_dtype())
    if audio.dtype in (torch.float16, torch.bfloat16):
        audio = audio.float()
    mu = levels - 1
    audio = audio.clamp(-1, 1)
    companded = audio.sign() * torch.log1p(mu * audio.abs()) / math.log1p(mu)
    return ((companded + 1) / 2 * mu + 0.5).floor().clamp(0, mu).long()


def mulaw_decode(codes: Tensor, levels: int, dtype: torch.dtype | None = None) -> Tensor:
    """Audio in [−1, 1] of codes 0 … levels − 1: x = sign(c) ((1 + μ)^|c| − 1)/μ for c = 2 · code/μ − 1. Any shape.

    Encoding what was decoded gives every code back.
    """
    if dtype is None:
        dtype = codes.dtype if codes.dtype.is_floating_point else torch.get_default_dtype()
    mu = levels - 1
    companded = codes.to(dtype) * (2 / mu) - 1
    return companded.sign() * torch.expm1(companded.abs() * math.log1p(mu)) / mu
