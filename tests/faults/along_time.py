"""Faults to plant in a copy of what runs along time, as in ``planted``; and the tests that have to fail then."""

TESTS = [f"tests/compiler/test_{name}.py" for name in ("spans", "beginning", "stream", "lengths")]

WAVENET, RING, MODULE = (f"networks/lattice/{name}.py" for name in ("wavenet", "ring", "module"))
SPANS, NETWORK = "compiler/spans.py", "networks/module.py"
SAMPLER = "compiler/sampler.py"

FAULTS: list[tuple[str, str, str, str]] = [
    # Parts of time
    ("a part that sees too little of its past", MODULE, "self.plan.back or 0)", "max(0, (self.plan.back or 0) - 1))"),
    ("false silence: layers that see something before the first moment", MODULE, "value * before", "value"),
    ("what is given taken from the start", MODULE, "given.during(wide)", "given"),
    ("the last moment for those after it", NETWORK, "(index < 0) | (index >= value.shape[1])", "index < 0"),
    (
        "windows that never reach the first moments",
        SPANS,
        "first = torch.remainder(self.drawn, places) - (self.length - 1)",
        "first = torch.remainder(self.drawn, places)",
    ),
    ("long examples counted as often as short ones", SPANS, "/ parts(lengths, self.length)", "/ self.visits"),
    # Steps
    ("queues read a moment too late", RING, "(-delays, np.append", "(np.minimum(1 - delays, 0), np.append"),
    ("a queue not emptied before the next sample", RING, "ring.store.zero_()", "pass"),
    ("maps of another moment", RING, "self._maps[self._positions[turn]]", "self._maps[self._positions[turn - 1]]"),
    # Beginnings and ends
    ("a beginning drawn anew", SAMPLER, "if first < known:", "if False:"),
    ("a beginning of which too little is read", SAMPLER, "// target.variable.size - back)", "// target.variable.size)"),
    ("draws after the end", SAMPLER, "drawn = ended(drawn[..., None], target.variable.end)[..., 0]", "pass"),
]
