"""Names that are reserved for what is not built yet, each with what does nearly the same today."""

from __future__ import annotations

from collections.abc import Mapping

from ardsl.diagnostics.diagnostic import Diagnostic
from ardsl.diagnostics.rules.names import NOT_BUILT_YET
from ardsl.diagnostics.source import Span

FAMILIES: Mapping[str, str] = {
    "flow": "a mixture follows any shape, too: `mixture(normal, components = 10)`",
    "spiked": "draw first whether the value is there, `p(seen) = bernoulli`, and then it: `p(x | seen) = …`",
    "censored": "model what was recorded: `p(seen | …) = bernoulli`, and `p(t | seen, …) = weibull`",
    "truncated": "scale the values to lie between 0 and 1: `unit_interval` with `beta` or `kumaraswamy`",
    "hurdle": "use `zero_inflated_poisson` or `zero_inflated_negative_binomial`, which have zeros of their own",
    "dirichlet": "draw each part as its share of the rest: `observed w[2] : unit_interval`, `p(w[i] | w[<i]) = beta`",
    "logistic_normal": "model the logarithms of ratios: `observed w[2] : real`, `p(w[*]) = multivariate_normal`",
    "multivariate_student_t": "draw one element after another: `p(x[i] | x[<i]) = student_t`",
}
DOMAINS: Mapping[str, str] = {
    "simplex": "declare all parts but the last as shares of the rest: `observed w[2] : unit_interval`",
    "grid": "count in steps of the grid: `integer(0, 100)`",
}
_SEQUENCES = "`wavenet` reads a long past, `made` all of it"
NETWORKS: Mapping[str, str] = {
    "transformer": _SEQUENCES,
    "lstm": _SEQUENCES,
    "gru": _SEQUENCES,
    "row_lstm": "`pixelcnn(gated = true)` sees everything above and to the left",
    "diagonal_bilstm": "`pixelcnn(gated = true)` sees everything above and to the left",
    "spatial_lstm": "`pixelcnn(gated = true)` sees everything above and to the left",
    "video_pixel": "`pixelcnn` for each frame, with the one before as a context",
    "multiscale": "`pixelcnn` under `order x by multiscale(base = 4)`",
}


def reserved(names: Mapping[str, str], name: str, span: Span) -> Diagnostic | None:
    """The diagnostic for a reserved name, which says what to write today; None where the name is not reserved."""
    return NOT_BUILT_YET.at(span, feature=f"`{name}`", help=names[name]) if name in names else None
