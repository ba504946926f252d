"""No text takes long or much memory, nor gives more than one report for one fault."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

BOMBS = {
    "nothing": ("''", 0),
    "nul bytes": ("'\\0' * 1000", 1),
    "one nul byte": ("'observed x : real\\0'", 1),
    "nested parentheses": ("'param a = ' + '(' * 10_000 + '1' + ')' * 10_000", 1),
    "nested lists never closed": ("'param a = ' + '[' * 10_000", 1),
    "nested calls": ("'param a = ' + 'f(' * 10_000 + ')' * 10_000", 1),
    "closing brackets": ("')' * 10_000", 1),
    "a number of 5,000 digits": ("'param a = ' + '9' * 5_000", 1),
    "a real of 5,000 digits": ("'param a = ' + '9' * 5_000 + '.5'", 1),
    "a sum of 5,000 terms": ("'param a = ' + ' + '.join(['1'] * 5_000)", 1),
    "a product of 5,000 terms": ("'param a = ' + ' * '.join(['1'] * 5_000)", 1),
    "5,000 minus signs": ("'param a = ' + '-' * 5_000 + '1'", 1),
    "50 MB of one word": ("'x' * 50_000_000", 1),
    "50 MB of lines": ("'param a = 1\\n' * 4_000_000", 1),
    "the most tokens": ("'param a = [' + '1,' * 24_990 + ']'", 0),
    "too many tokens": ("'param a = [' + '1,' * 30_000 + ']'", 1),
    "the most tokens, and a fault": ("'param a = [' + '1,' * 24_990", 1),
    "a long comment": ("'#' * 999_999", 0),
    "quotes": ("'\"' * 20_001", 1),
    "backslashes": ("'\\\\' * 40_000", 1),
    "a lone surrogate": ("'\\ud800'", 1),
    "a lone surrogate in a string": ("'model m \"\\ud800\"'", 1),
    "a byte-order mark": ("'\\ufeffobserved x : real'", 0),
    "a word of 900,000 letters": ("'observed ' + 'x' * 900_000 + ' : real'", 0),
    "a digit run of 900,000": ("'param a = ' + '1' * 900_000", 1),
    "an open bracket and lines": ("'foo (\\n' + 'x = 1\\n' * 16_000", 1),
    "lines without a keyword": ("'x = 1\\n' * 16_000", 21),
    "spaces": ("' ' * 999_999", 0),
    "noise and spaces": ("'p(x | ' + 'noise ' * 20_000", 1),
    "keywords": ("'param ' * 40_000", 1),
    "a factor in a factor": ("'p(x | ' * 12_000", 1),
    "faults without end": ("'param = 1\\n' * 12_000", 21),
    "vague keywords": ("'obsrved x\\n' * 20_000", 21),
    "spaces after a keyword": ("'observed' + ' ' * 900_000", 1),
    "lines of spaces": ("'p' + '\\n ' * 400_000", 1),
}

_RUN = """
import json, pathlib, re, sys, time
from ardsl.diagnostics import Sink, Source
from ardsl.language import parse
warm = Source("model m")
parse(warm, Sink(warm))
source = Source(eval(sys.argv[1]))
sink = Sink(source)
start = time.process_time()
parse(source, sink)
took = time.process_time() - start
status = pathlib.Path("/proc/self/status")
peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) / 1024 if status.exists() else 0
print(json.dumps([[f"{d.code} {d.message}" for d in sink], took, peak]))
"""


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str) -> None:
    expression, reports = BOMBS[name]
    done = subprocess.run([sys.executable, "-c", _RUN, expression], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    messages, seconds, megabytes = json.loads(done.stdout)
    assert len(messages) == reports, messages[:3]
    assert all(len(message) < 200 for message in messages)
    assert seconds < 2.0  # under one on an idle machine; twice that for a busy one
    assert megabytes < 200
