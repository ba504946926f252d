"""Sound at the command line: trained on a folder, generated as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from commands import Run

SPEC = (
    "given digit : category(3)\nobserved wave[time: ..60] : mulaw(256)\n"
    "p(wave[t] | wave[<t] within 8, digit) = categorical via wavenet(blocks = 1, layers = 3, features = 4, skip = 4)\n"
    'data { train = "sounds" rate = 8000 digit = "label" }\ntrain { epochs = 1 batch = 2 }\n'
)


def test_a_recording_is_generated(run: Run, here: Path) -> None:
    for number in range(4):
        path = Path("sounds", str(number % 3), f"s{number}.wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.random.default_rng(number).uniform(-1, 1, 20 + number), 8000)
    Path("s.ar").write_text(SPEC)
    trained = run("train", "s.ar", "--out", "r", "--device", "cpu")
    assert trained.exit_code == 0, trained.output
    found = run("sample", "r", "--given", "digit=2", "--seconds", "0.005", "-o", "hello.wav", "--seed", "1")
    assert found.exit_code == 0, found.output
    assert len(soundfile.read("hello.wav")[0]) == 40
    assert "at most 60 places" in run("sample", "r", "--given", "digit=2", "--seconds", "1", "-o", "a.wav").stderr
    both = run("sample", "r", "--given", "digit=2", "--length", "3", "--seconds", "1", "-o", "a.wav")
    assert "not both" in both.stderr
    assert "bits per dim" in run("eval", "r", "--split", "train").stdout
