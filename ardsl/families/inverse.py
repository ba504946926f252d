"""Draws as functions of uniform numbers where no library has an inverse distribution function.

All of it works in float64, elementwise: what an element comes to does not depend on the others in the call, but for its
last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

LARGEST_COUNT = 2.0**53
"""The largest count that is drawn: up to here floating-point numbers hold every integer."""


def log_gamma_draw(concentration: Tensor, uniform: Tensor) -> Tensor:
    """The logarithm y of the point where a Gamma(α, 1) variable's distribution function is u. Shape [...].

    Halley steps in y, kept inside a bracket: P(α, x) ≤ x^α / Γ(α + 1) bounds x from below, and the sub-gamma tail
    P(X > α + √(2αt) + t) ≤ e^−t from above (Boucheron, Lugosi & Massart, Concentration Inequalities, 2.4). In the
    logarithm a tiny α, whose draws underflow, is no exception. The start is the cube of a normal variable (Wilson &
    Hilferty, 1931), and for a small α, for which this is far off, the lower bound.
    """
    alpha, u = torch.broadcast_tensors(concentration.double(), uniform.double().clamp(max=1 - 2**-53))
    log_norm = torch.lgamma(alpha + 1)
    low = (u.log() + log_norm) / alpha
    tail = -torch.log1p(-u)
    high = (alpha + (2 * alpha * tail).sqrt() + tail).log()
    # Where x is too small for a float, P(α, x) = x^α / Γ(α + 1) to all digits, and the lower bound is the answer.
    tiny = low < -300.0
    low = torch.minimum(low, high)
    high = torch.where(tiny, low, high)
    root = 1 - 1 / (9 * alpha) + torch.special.ndtri(u) / (3 * alpha.sqrt())
    cube = alpha.log() + 3 * root.clamp(min=torch.finfo(torch.float64).tiny).log()

    def function(y: Tensor, alpha: Tensor, u: Tensor, log_gamma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = y.exp()
        upper = u > 0.5
        mass = _gamma_mass(alpha, x, above=upper)
        excess = torch.where(upper, 1 - u - mass, mass - u)
        return excess, alpha * y - x - log_gamma, alpha - x

    start = torch.where(alpha < 0.5, low, cube.clamp(low, high))
    return _halley(
        function, (alpha, u, torch.lgamma(alpha)), low, high, start, accuracy=1e-13 + 4e-15 / alpha, residual=0.0
    )


def _gamma_mass(alpha: Tensor, x: Tensor, above: Tensor) -> Tensor:
    """P(X > x) of a Gamma(α, 1) variable where ``above`` says so, elsewhere P(X ≤ x): each has a function of its own,
    exact where it is small. Shape [n]."""
    mass = torch.empty_like(x)
    mass[above] = torch.special.gammaincc(alpha[above], x[above])
    mass[~above] = torch.special.gammainc(alpha[~above], x[~above])
    return mass


def gamma_draw(concentration: Tensor, rate: Tensor, uniform: Tensor) -> Tensor:
    return (log_gamma_draw(concentration, uniform) - rate.double().log()).exp()


def poisson_draw(rate: Tensor, uniform: Tensor) -> Tensor:
    """The least k with P(K ≤ k) = Q(k + 1, λ) ≥ u, by halving a bracket of about √λ integers. Shape [...], float64.

    The bracket is from the tails P(K ≤ λ − t) ≤ exp(−t²/2λ) and P(K ≥ λ + √(2λt) + t) ≤ e^−t (Bernstein).
    """
    rate, u = torch.broadcast_tensors(rate.double().clamp(max=LARGEST_COUNT), uniform.double())
    survival = 1 - u
    upper = u > 0.5
    tail = -torch.log1p(-u)
    # The answer lies in (low, high].
    low = (rate - (-2 * rate * u.log()).sqrt() - 2).floor().clamp(min=-1)
    high = (rate + (2 * rate * tail).sqrt() + tail + 2).ceil().clamp(max=LARGEST_COUNT)
    while bool((high - low > 1).any()):
        middle = ((low + high) / 2).floor()
        # P(K ≤ k) = Q(k + 1, λ), and P(K > k) = P(k + 1, λ).
        mass = _gamma_mass(middle + 1, rate, above=~upper)
        reached = torch.where(upper, mass <= survival, mass >= u)
        open_ = high - low > 1
        high = torch.where(open_ & reached, middle, high)
        low = torch.where(open_ & ~reached, middle, low)
    return high


def student_t_draw(df: Tensor, uniform: Tensor, angle: Tensor) -> Tensor:
    """A Student t variable from two uniform numbers: √(ν(U^(−2/ν) − 1)) cos 2πV. Shape [...], float64.

    R. W. Bailey, Polar generation of random variates with the t-distribution, Mathematics of Computation 62 (1994).
    """
    df = df.double()
    radius = (df * torch.expm1(-2 / df * uniform.double().log())).clamp(max=1e300).sqrt()
    return radius * torch.cos(2 * math.pi * angle.double())


def von_mises_draw(concentration: Tensor, uniform: Tensor) -> Tensor:
    """The angle from the mode, in [−π, π], where a von Mises variable's distribution function is u. Shape [...].

    The distribution function is ½ plus an integral from 0, by Gauss-Legendre over the part of [0, π] that carries the
    mass: with B = min(π, 9/√κ), exp(−κ(1 − cos B)) is below the rounding of the total. Halley steps start from the
    angle of a normal variable, or of a uniform one where κ is small.
    """
    kappa, u = torch.broadcast_tensors(concentration.double(), uniform.double())
    root = kappa.clamp(min=1e-12).sqrt()
    bound = (9 / root).clamp(max=math.pi)
    side = torch.where(u < 0.5, -1.0, 1.0)
    target = (u - 0.5).abs()
    nodes, weights = (torch.tensor(values, dtype=torch.float64, device=u.device) for values in legendre(32))
    log_total = torch.log(2 * math.pi * torch.special.i0e(kappa))

    def function(x: Tensor, kappa: Tensor, target: Tensor, log_total: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        half = x[:, None] / 2
        inner = -2 * kappa[:, None] * torch.sin(half * (1 + nodes) / 2) ** 2 - log_total[:, None]
        excess = (inner.exp() * weights).sum(-1) * half.squeeze(-1) - target
        return excess, -2 * kappa * torch.sin(x / 2) ** 2 - log_total, -kappa * torch.sin(x)

    zero = torch.zeros_like(u)
    normal = 2 * torch.asin((torch.special.ndtri(0.5 + target) / (2 * root)).clamp(max=1.0))
    start = torch.minimum(torch.where(kappa > 1.5, normal, 2 * math.pi * target), bound)
    of = (kappa, target, log_total)
    return side * _halley(function, of, zero, bound, start, accuracy=zero + 1e-14, residual=4e-16)


def least_reached(reached: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """The least integer in (low, high] from which on a condition holds, by halving; ``high`` where it never does.

    Shape [...], int64; the ends are at most 2^62 from 0.
    """
    while bool((high - low > 1).any()):
        middle = low + (high - low) // 2
        now = reached(middle)
        is_open = high - low > 1
        high = torch.where(is_open & now, middle, high)
        low = torch.where(is_open & ~now, middle, low)
    return high


def least_count_reached(reached: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """:func:`least_reached` where the answer is near ``low``, however far ``high`` is: a distance is doubled first."""
    distance = torch.ones_like(low)
    there = torch.zeros_like(low, dtype=torch.bool)
    while True:
        there = there | (distance >= high - low)
        there = there | reached(torch.minimum(low + distance, high))
        if bool(there.all()):
            break
        distance = torch.where(there, distance, 2 * distance)
    return least_reached(reached, low + distance // 2, torch.minimum(low + distance, high))


def _halley(
    function: Callable[..., tuple[Tensor, Tensor, Tensor]],
    of: tuple[Tensor, ...],
    low: Tensor,
    high: Tensor,
    start: Tensor,
    accuracy: Tensor,
    residual: float,
) -> Tensor:
    """The root in [low, high] of an increasing function: Halley steps, and halvings where one leaves the bracket.

    ``function`` takes points [n] and ``of`` for these, and gives its values f, log f′ and f″/f′. An element ends with
    a step after which rounding alone is left: one below ``accuracy``, relative to 1 + |x|, or below 10⁻⁵ of what f′
    changes over (steps cube the error), or where f is within ``residual`` of 0. It is left out of what follows, so
    that the others' slower convergence neither changes it nor evaluates it again.
    """
    roots = start.flatten()
    rest = torch.arange(len(roots), device=start.device)
    x, low, high, accuracy = roots.clone(), low.flatten(), high.flatten(), accuracy.flatten()
    of = tuple(tensor.flatten() for tensor in of)
    for _ in range(100):
        value, log_slope, bend = function(x, *of)
        high = torch.where(value > 0, x, high)
        low = torch.where(value <= 0, x, low)
        newton = value * torch.exp(-log_slope)
        step = x - newton / (1 - newton * bend / 2).clamp(min=0.5)
        inside = (step >= low) & (step <= high)  # not so for nan, where value and slope have both underflowed
        following = torch.where(inside, step, (low + high) / 2)
        exact = value.abs() <= residual
        near = inside & (newton.abs() * (1 + bend.abs()) < 1e-5)
        still = (following - x).abs() <= accuracy * (1 + x.abs())
        x = torch.where(exact, x, following)
        roots[rest] = x
        going = torch.nonzero(~(exact | near | still)).flatten()
        if not len(going):
            break
        rest, x, low, high, accuracy, *of = (  # type: ignore[assignment]
            tensor[going] for tensor in (rest, x, low, high, accuracy, *of)
        )
    return roots.view(start.shape)


@lru_cache(maxsize=4)
def legendre(count: int) -> tuple[list[float], list[float]]:
    """Nodes and weights of Gauss-Legendre quadrature on [−1, 1]."""
    import numpy

    nodes, weights = numpy.polynomial.legendre.leggauss(count)
    return nodes.tolist(), weights.tolist()
