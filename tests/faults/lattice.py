"""Faults to plant in a copy of the lattice back end, as in ``planted``; and the specs that meet them."""

from tests.support.lattice_specs import SPECS, colours, picture, window

small = "layers = 2, features = 6, first = 3"
CHECKED = {
    "complete, gated": picture("raster", small + ", gated = true") + "check complete(x)\n",
    "complete, gated colours": colours("raster", small + ", gated = true") + "check complete(x)\n",
    "complete, window": window("1", small) + "check complete(x)\n",
    "complete, spiral": picture("spiral", "layers = 1, features = 6, first = 5") + "check complete(x)\n",
} | {
    name: SPECS[name]
    for name in (
        "plain, raster",
        "plain, colours, shuffle",
        "plain, colours, by channel",
        "gated, by column",
        "gated, snake",
        "gated, given a label",
        "plain, given a vector and a map",
        "gated, after other variables",
        "plain, after others, by checkerboard",
        "gated, given a map and a vector through networks",
        "plain, colours after a map through a network, by snake",
        "wave",
        "wave after a text alone",
        "wave given a text",
    )
}

PIXELCNN, LAYERS = "networks/lattice/pixelcnn.py", "networks/lattice/layers.py"
LATTICE, MODULE, PROGRAM = (f"networks/lattice/{name}.py" for name in ("lattice", "module", "program"))
SCHEDULE, GIVEN = "networks/lattice/schedule.py", "networks/lattice/given.py"
GROWING = "networks/maps/module.py"
RANKED, TRANSLATED = "relations/ranked.py", "relations/translated.py"

FAULTS: list[tuple[str, str, str, str]] = [
    # Masks
    ("mask B for A", PIXELCNN, "same=not first", "same=True"),
    ("mask B for A, in one stack", PIXELCNN, "self._square(0), same=False", "self._square(0), same=True"),
    (
        "mask A on the 1 × 1 convolutions",
        PIXELCNN,
        "pointwise(self.axes, self.every), same=True",
        "pointwise(self.axes, self.every), same=False",
    ),
    ("no mask at all", LAYERS, "self.weight if self.mask is None else self.weight * self.mask", "self.weight"),
    ("a mask transposed", LAYERS, "stencil.reads.transpose(1, 2, 0)", "stencil.reads.transpose(2, 1, 0)"),
    ("colours in the wrong order", LATTICE, "else group - source", "else source - group"),
    ("every colour reads every other", LATTICE, "else group - source", "else 1"),
    (
        "rows and columns exchanged in the order",
        LATTICE,
        "-offset[axis] if axis < len(offset)",
        "-offset[::-1][axis] if axis < len(offset)",
    ),
    # Two stacks
    ("a vertical stack that is not shifted", PIXELCNN, "self._box((-1, -1), (0, 0)", "self._box((0, 0), (0, 0)"),
    ("a vertical stack shifted by two", PIXELCNN, "self._box((-1, -1), (0, 0)", "self._box((-2, -2), (0, 0)"),
    (
        "a vertical stack that sees the row below",
        PIXELCNN,
        "(-(rows - 1 if first else rows), 0)",
        "(-(rows - 1 if first else rows), 1)",
    ),
    ("a vertical stack that sees one side", PIXELCNN, "(-columns, columns)", "(-columns, 0)"),
    (
        "a residual around the vertical stack",
        PIXELCNN,
        'added=() if first else (f"horizontal {number - 1}",)',
        'added=(f"vertical {number}",)',
    ),
    ("what is given reaches the vertical stack only", PIXELCNN, "gated, conditioned=True)", "gated)"),
    # Convolutions
    ("SAME padding", LAYERS, "for side in (-low, high)]", "for side in ((high - low + 1) // 2, (high - low) // 2)]"),
    (
        "a kernel flipped along rows",
        LAYERS,
        "return weight.unflatten(2, self._shape)",
        "return weight.unflatten(2, self._shape).flip(2)",
    ),
    (
        "a kernel flipped along columns",
        LAYERS,
        "return weight.unflatten(2, self._shape)",
        "return weight.unflatten(2, self._shape).flip(-1)",
    ),
    (
        "offsets that stand at other places of the kernel",
        LAYERS,
        "box.index_copy(2, self._places, weight)",
        "box.index_copy(2, self._places.flip(0), weight)",
    ),
    (
        "a picture read column by column",
        MODULE,
        "maps = {INPUT: own.unflatten(1, (*self.wiring.lattice.shape, -1)).movedim(-1, 1)}",
        "maps = {INPUT: own.unflatten(1, (*self.wiring.lattice.shape[::-1], -1)).movedim(-1, 1).transpose(2, 3)}",
    ),
    ("raw numbers channel by channel", MODULE, "[self.wiring.output].movedim(1, -1)", "[self.wiring.output]"),
    (
        "dropout while evaluating",
        MODULE,
        "F.dropout(source, self.dropout, self.training)",
        "F.dropout(source, self.dropout, True)",
    ),
    # Masks by rank
    ("≤ for < in the first layer", RANKED, 'read < own if self.cut == "before"', 'read <= own if self.cut == "before"'),
    ("< for ≤ in further layers", RANKED, "else read <= own", "else read < own"),
    (
        "ranks for elements",
        LATTICE,
        "return self.order.rank[:: self.each]",
        "return np.argsort(self.order.rank)[:: self.each]",
    ),
    (
        "the first pixel for what is not read",
        LAYERS,
        "np.where(near < 0, positions, near // sources)",
        "np.where(near < 0, 0, near // sources)",
    ),
    # What is given
    (
        "the wrong part of a map",
        GIVEN,
        "each.low.at(positions, lattice.positions)[:, None]",
        "each.low.at(positions, lattice.positions)[::-1, None]",
    ),
    ("a map that sees only what is near", GROWING, "if summary is None:", "if True:"),
    (
        "a summary of each position's own",
        GROWING,
        "mean = below.flatten(2).mean(2)",
        "mean = below.flatten(2)[:, :, 0]",
    ),
    ("maps left out of the steps", PROGRAM, "located = given.located(layer)", "located = given.aligned"),
    # The plan
    (
        "a composition that forgets to move",
        TRANSLATED,
        "others.append(slice(max(0, step), extent - max(0, -step)))",
        "others.append(slice(max(0, -step), extent - max(0, step)))",
    ),
    (
        "a composition through what lies outside",
        TRANSLATED,
        "targets.append(slice(max(0, -step), extent - max(0, step)))",
        "targets.append(slice(max(0, -step) // 2, extent - max(0, step) - max(0, -step) + max(0, -step) // 2))",
    ),
    # Steps
    ("inputs read a step too early", SCHEDULE, "ready = {INPUT: steps.own + 1}", "ready = {INPUT: steps.own}"),
    (
        "the first site for what is not read",
        PROGRAM,
        "np.append(placed, 0)",
        "np.append(placed, 1)",
    ),
    ("the halves of a gate exchanged", PROGRAM, "torch.tanh, (source[:, :half],)", "torch.tanh, (source[:, half:],)"),
    ("weights laid out otherwise", PROGRAM, ".permute(0, 3, 1, 2)", ".permute(0, 3, 1, 2).flip(1)"),
    (
        "what enters every layer taken before it is drawn",
        SCHEDULE,
        "np.repeat(steps.spread + 1, layer.groups)",
        "np.repeat(steps.spread * 0, layer.groups)",
    ),
    ("the part of the next moment", GIVEN, "self.at.at([time], len(time))", "self.at.at([time + 1], len(time))"),
    (
        "what a position reads taken before it is drawn",
        SCHEDULE,
        "np.repeat(steps.local + 1, layer.groups)",
        "np.repeat(steps.local * 0, layer.groups)",
    ),
]
