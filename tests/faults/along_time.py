"""Faults to plant in a copy of what runs along time, as in ``planted``; and the tests that have to fail then."""

TESTS = [f"tests/compiler/test_{name}.py" for name in ("spans", "beginning", "stream", "lengths")]

WAVENET, RING, MODULE = (f"networks/lattice/{name}.py" for name in ("wavenet", "ring", "module"))
SPANS, NETWORK = "compiler/spans.py", "networks/module.py"
SERIES, NOISE = "compiler/series.py", "compiler/noise.py"

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
    (
        "weights that change while a stream goes on",
        RING,
        ".clone(memory_format=torch.contiguous_format)",
        ".contiguous()",
    ),
    ("maps of another moment", RING, "return self._maps[place]", "return self._maps[place - 1]"),
    ("maps of the first section for all", RING, "slice(first, first + _SECTION)", "slice(0, _SECTION)"),
    ("channels that read those of the moment before", RING, "value.zero_()", "pass"),
    ("noise of the first moments after a beginning", NOISE, "range(0, draws.start, _PORTION)", "range(0)"),
    # Beginnings and ends
    ("a beginning that is not gone through", SERIES, "range(first, known)", "range(0)"),
    ("a beginning of which too little is read", SERIES, "max(0, known - back)", "max(0, known - back + 1)"),
    ("draws after the end", SERIES, "drawn = drawn.masked_fill(seen > 0, end)", "pass"),
]
