"""Faults to plant in a copy of the dense back end: (name, file, what stands there, what is put in its place).

Each is a mistake that somebody made in such code, or could.
"""

FAULTS: list[tuple[str, str, str, str]] = [
    # Masks
    ("≤ for < : a draw reads itself", "networks/group.py", "[rank + 1 if s.variable", "[rank if s.variable"),
    (
        "< for ≤ between hidden units and draws",
        "networks/dense/labels.py",
        "return Levels(self.declared.target_level, units)",
        "return Levels(self.declared.target_level - 1, units)",
    ),
    (
        "hidden masks transposed",
        "networks/dense/labels.py",
        "return Levels(units, below)",
        "return Levels(-units, -below)",
    ),
    (
        "inclusion the wrong way round",
        "networks/dense/labels.py",
        "return Labelled(units, below, self.inclusion)",
        "return Labelled(units, below, self.inclusion.T)",
    ),
    (
        "a draw reads units that only meet its context",
        "networks/dense/labels.py",
        "inclusion = ~boolean_product(~sets, sets.T)",
        "inclusion = boolean_product(sets, sets.T)",
    ),
    ("no mask on the direct path", "networks/dense/module.py", "self.direct * direct", "self.direct"),
    (
        "no mask on the hidden layers",
        "networks/dense/module.py",
        "weights = [weight * mask for",
        "weights = [weight for",
    ),
    (
        "the direct path forgotten",
        "networks/dense/module.py",
        "raw = raw + products(len(self.weights), inputs)",
        "pass",
    ),
    (
        "raw numbers repeated parameter by parameter, not draw by draw",
        "networks/dense/module.py",
        "layers[-1] = layers[-1][rows]",
        "layers[-1] = layers[-1][np.resize(np.arange(group.draws), len(rows))]",
    ),
    (
        "features repeated feature by feature, not element by element",
        "networks/dense/module.py",
        "layers[0] = layers[0][:, columns]",
        "layers[0] = layers[0][:, np.resize(np.arange(group.elements), group.features)]",
    ),
    (
        "a residual link around the first layer",
        "networks/dense/module.py",
        'self.plan.options["residual"] and number and above.shape',
        'self.plan.options["residual"] and above.shape',
    ),
    # Orders
    (
        "a permutation used for a rank",
        "networks/group.py",
        "rank = orders[variable.name].rank\n",
        "rank = orders[variable.name].permutation\n",
    ),
    (
        "rank and permutation mixed up in the declared order",
        "relations/selection.py",
        "rank = self.order.rank\n        here",
        "rank = self.order.by_rank[0]\n        here",
    ),
    (
        "every order of a mixture with the masks of the first",
        "networks/dense/module.py",
        "orders = group.orders(configuration) if isinstance(configuration, int)",
        "orders = group.orders(0) if isinstance(configuration, int)",
    ),
    # Contexts
    (
        "a context forgotten",
        "networks/group.py",
        "for context in target.factor.contexts:\n                start",
        "for context in target.factor.contexts[:1]:\n                start",
    ),
    (
        "given inputs fed to other columns",
        "compiler/values.py",
        "parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)",
        "torch.cat(parts[::-1], dim=1)",
    ),
    (
        "the columns of a record shifted by one",
        "compiler/values.py",
        "values if len(elements) == values.shape[1] else values[:, part]",
        "values if len(elements) == values.shape[1] else values.roll(1, 1)[:, part]",
    ),
    # Parameter layouts and densities
    (
        "a swapped parameter layout: the draws' numbers interleaved",
        "compiler/model.py",
        "part.unflatten(1, (t.draws, t.family.width))",
        "part.unflatten(1, (t.family.width, t.draws)).mT",
    ),
    (
        "target blocks in reverse",
        "compiler/model.py",
        "for t, part in zip(targets, parts, strict=True)]",
        "for t, part in zip(targets, parts[::-1], strict=True)]",
    ),
    (
        "the mean of logits over orders",
        "compiler/model.py",
        "each.logsumexp(0) - math.log(len(each))",
        "each.mean(0)",
    ),
    (
        "the mixture over orders not divided by K",
        "compiler/model.py",
        "each.logsumexp(0) - math.log(len(each))",
        "each.logsumexp(0)",
    ),
    (
        "one factor of the product lost",
        "compiler/model.py",
        "torch.stack(tuple(self.variable_log_probs(values, order).values())).sum(0)",
        "torch.stack(tuple(self.variable_log_probs(values, order).values()))[0]",
    ),
    # Tables and tied parameters
    (
        "an absent slot read as the first value",
        "networks/dense/slot_module.py",
        "read = torch.where(absent >= 0, absent, read)",
        "read = torch.where(absent >= 0, 0 * absent + read, read)",
    ),
    (
        "a table's strides in the wrong order",
        "networks/dense/slot_plan.py",
        "stride = np.concatenate([following[:, 1:], np.ones((len(levels), 1), np.int64)], axis=1)",
        "stride = np.concatenate([np.ones((len(levels), 1), np.int64), following[:, 1:] * 0], axis=1)",
    ),
    (
        "a tied slot that looks ahead",
        "networks/dense/slot_module.py",
        "place = first[np.maximum(element, 0)]",
        "place = first[np.minimum(element + 1, group.elements - 1)]",
    ),
    # The step evaluator
    (
        "a step that sees one step too few",
        "networks/dense/program.py",
        "int(product[4].until[start]), int(product[4].until[step])",
        "int(product[4].until[start]), int(product[4].until[max(step - 1, start)])",
    ),
    (
        "units completed a step late",
        "networks/dense/program.py",
        "self._after.append(complete(step, start - 1))",
        "self._after.append(complete(max(step - 1, 0), start - 1))",
    ),
    (
        "the activation left out",
        "networks/dense/program.py",
        "found.append((activate, (target[rows[0] : rows[1]],)))",
        "pass",
    ),
    (
        "biases in the unsorted order",
        "networks/dense/program.py",
        "bias[torch.as_tensor(order, device=like.device)][:, None]",
        "bias[:, None]",
    ),
    (
        "noise of another draw",
        "compiler/sampler.py",
        "noise.draws[draw.group][draw.block][:, draw.draws]\n                )\n                keep",
        "noise.draws[draw.group][draw.block][:, draw.draws[::-1].copy()]\n                )\n                keep",
    ),
]
