"""Sound at the command line: trained on a folder, generated as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.commands import Run

SPEC = (
    "given digit : category(3)\nobserved wave[time: ..60] : mulaw(256)\n"
    "p(wave[t] | wave[<t] within 8, digit) = categorical via wavenet(blocks = 1, layers = 3, features = 4, skip = 4)\n"
    'data { train = "sounds" rate = 8000 digit = "label" }\ntrain { epochs = 1 batch = 2 }\n'
)


@pytest.mark.thorough
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
    for number in ("nan", "inf"):
        strange = run("sample", "r", "--given", "digit=2", "--seconds", number, "-o", "a.wav")
        assert (strange.exit_code, strange.stderr) == (
            2,
            f"error: `--seconds` takes a number of seconds, not {number}\n",
        )
    several = run("sample", "r", "--given", "digit=2", "-n", "3", "--length", "9", "-o", "a.wav")
    assert several.stdout == "wrote 3 samples to a-0.wav … a-2.wav\n"
    assert "does not exist" in run("sample", "r", "--given", "digit=2", "--begin", "no.wav", "-o", "a.wav").stderr
    both = run("sample", "r", "--given", "digit=2", "--length", "3", "--seconds", "1", "-o", "a.wav")
    assert "not both" in both.stderr
    assert "bits per dim" in run("eval", "r", "--split", "train").stdout


def test_samples_are_gone_on_with_from_their_ends(run: Run, here: Path) -> None:
    Path("s.ar").write_text(
        "observed x[time: ..12] : real\n"
        "p(x[t] | x[<t] within 4) = normal via wavenet(blocks = 1, layers = 2, features = 4, skip = 4)\n"
        'data { train = "d.npz" }\ntrain { epochs = 1 }\n'
    )
    np.savez("d.npz", x=np.random.default_rng(0).normal(size=(6, 12)))
    assert run("train", "s.ar", "--out", "r", "--device", "cpu").exit_code == 0
    run("sample", "r", "-n", "3", "--length", "5", "--seed", "1", "-o", "first.npz")
    found = run("sample", "r", "-n", "3", "--begin", "first.npz#x", "--seed", "2", "-o", "more.npz")
    assert found.exit_code == 0, found.output
    first, more = np.load("first.npz")["x"], np.load("more.npz")["x"]
    assert np.allclose(more[:, :5], first[:, :5]) and (more[:, 5:] != 0).all()
    np.savez("unlike.npz", x=first, x_lengths=[5, 4, 5])
    found = run("sample", "r", "-n", "3", "--begin", "unlike.npz#x", "-o", "more.npz")
    assert "beginnings are all of one length, and these have from 4 to 5 places" in found.stderr
