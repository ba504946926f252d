"""Faults to plant in a copy of what bounds likelihoods, as in ``planted``; and the tests that have to fail then."""

TESTS = ["tests/networks/test_maps.py", "tests/compiler/test_latent.py"]

BOUND, LATENT, PROGRAM = (f"compiler/{name}.py" for name in ("bound", "latent", "program"))
DISTRIBUTION, MAPS = "compiler/distribution.py", "networks/maps/module.py"

FAULTS: list[tuple[str, str, str, str]] = [
    (
        "a mean of bounds for their logarithmic mean",
        BOUND,
        "Terms(total - math.log(samples), {}",
        "Terms(total, {}",
    ),
    ("mixtures that begin alike", "compiler/symmetry.py", "_APART * torch.randn_like(weight)", "0"),
    ("no gradient of discrete draws", BOUND, "(self.score - self.score.detach())", "0"),
    ("the joint of the values for their sum", BOUND, "total = joint.logsumexp(0)", "total = joint.amax(0)"),
    ("closed forms where there is none", BOUND, "if closed and name in model.closed else", "if closed else"),
    (
        "a divergence the other way round",
        BOUND,
        "return kl_divergence(guide, prior)",
        "return kl_divergence(prior, guide)",
    ),
    ("draws without a gradient", BOUND, "inside(part, site.rsample())", "inside(part, site.sample())"),
    ("a score that is left out", BOUND, "score = log_prob if score is None else score + log_prob", "pass"),
    ("a baseline that knows the draw", BOUND, "(gain.sum(axis, keepdim=True) - gain) / others", "gain"),
    (
        "free bits that the score function pays for",
        BOUND,
        "model.kl_weight * (each > model.free_nats)",
        "model.kl_weight * (each > 0)",
    ),
    ("values beyond an end", LATENT, "return cut({name: flat}, lengths, (variable,))[name]", "return flat"),
    ("the order of a set", "model/parts.py", "*filter(read.__contains__, model.variables))", "*read)"),
    ("free nats for all together", BOUND, "each.clamp(min=model.free_nats)", "each.clamp(min=0)"),
    (
        "values of one example given to another",
        BOUND,
        "value.repeat_interleave(count, 0) for",
        "value.repeat(count, *[1] * (value.ndim - 1)) for",
    ),
    ("a prior that is not read", LATENT, "kept = self._kept(fix, n) if isinstance(fix, Mapping) else {}", "kept = {}"),
    ("shared draws that are not", LATENT, "count = min(n, 1) if name in shared else n", "count = n"),
    ("a posterior for a prior", LATENT, "chosen = joint.T.softmax(1)", "chosen = torch.ones_like(joint.T)"),
    ("a site that is not observed", PROGRAM, "pyro.sample(name, site, obs=known)", "pyro.sample(name, site)"),
    (
        "elements that are not one event",
        DISTRIBUTION,
        "return Independent(found, len(kept))",
        "return Independent(found, len(kept)).mask(False)",
    ),
    (
        "cells in the order of columns",
        MAPS,
        "value.movedim(1, -1), self.weight",
        "value.mT.movedim(1, -1), self.weight",
    ),
]
