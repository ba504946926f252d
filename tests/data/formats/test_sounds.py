"""A folder of sounds as data, and samples as sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

import ardsl
from ardsl.cli import main
from ardsl.data.splits import load_data, load_split
from ardsl.families.domains import MuLaw
from ardsl.outputs.samples import check_output, write_samples

WAVENET = "wavenet(blocks = 1, layers = 3, features = 4, skip = 4)"
SPEC = (
    "given digit : category(3)\nobserved wave[time: ..60] : {domain}\n"
    "p(wave[t] | wave[<t] within 8, digit) = {family} via " + WAVENET + "\n"
    'data {{ train = "sounds#train"  test = "sounds#test"  rate = 8000 }}\n'
)
MULAW = SPEC.format(domain="mulaw(256)", family="categorical")
SIXTEEN = SPEC.format(domain="integer(-32768, 32767)", family="mixture(discretized(logistic), components = 2)")


def sounds(folder: Path, suffix: str = ".wav") -> dict[str, np.ndarray]:
    """Six short sounds of different lengths, and a table of them."""
    made, rows = {}, ["file,digit,split"]
    for number in range(6):
        path = folder / "sounds" / f"s{number}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        wave = np.random.default_rng(number).integers(-32768, 32768, 20 + 7 * number).astype(np.int16)
        soundfile.write(path, wave, 8000, subtype="PCM_16")
        made[path.name] = wave
        rows.append(f"{path.name},{number % 3},{'test' if number == 5 else 'train'}")
    (folder / "sounds" / "manifest.csv").write_text("\n".join(rows) + "\n")
    return made


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_sounds_come_with_their_lengths_and_splits(suffix: str, tmp_path: Path) -> None:
    made = sounds(tmp_path, suffix)
    for text, scale in ((MULAW, 32768), (SIXTEEN, 1)):
        spec = ardsl.loads(text)
        train, test = (load_split(spec, None, split, data_dir=tmp_path) for split in ("train", "test"))
        assert train["digit"].tolist() == [0, 1, 2, 0, 1] and test["digit"].tolist() == [2]
        waves = [row[~row.isnan()].double().numpy() * scale for row in (*train["wave"], *test["wave"])]
        assert all(np.array_equal(wave, made[name]) for wave, name in zip(waves, sorted(made), strict=True))


def test_sounds_of_one_length_are_any_variables(tmp_path: Path) -> None:
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", np.full(12, number / 4), 100)
    spec = ardsl.loads(f"observed x[12] : real\np(x[t] | x[<t]) = normal via {WAVENET}\n")
    assert load_split(spec, tmp_path, "train")["x"][:, 0].tolist() == [0, 0.25, 0.5]


def stereo(folder: Path) -> str:
    soundfile.write(folder / "s1.wav", np.zeros((20, 2)), 8000)
    return r"s1\.wav: has 2 channels"


def no_numbers(folder: Path) -> str:
    wave = np.zeros(20)
    wave[5] = np.nan
    soundfile.write(folder / "s1.wav", wave, 8000, subtype="FLOAT")
    return r"s1\.wav: has time steps that are no numbers \(NaN\)"


def no_manifest(folder: Path) -> str:
    (folder / "manifest.csv").unlink()
    return r"`#train` names a split, which takes a column `split` in `labels\.csv` or `manifest\.csv` beside the files"


def other_rate(folder: Path) -> str:
    soundfile.write(folder / "s1.wav", np.zeros(20), 16000)
    return r"s1\.wav: has 16,000 time steps a second, and s0\.wav has 8,000"


def all_of_another_rate(folder: Path) -> str:
    for path in folder.glob("*.wav"):
        soundfile.write(path, np.zeros(20), 16000)
    return r"s0\.wav: has 16,000 time steps a second, and the sounds are to have 8,000"


def empty(folder: Path) -> str:
    soundfile.write(folder / "s1.wav", np.zeros(0), 8000)
    return r"s1\.wav: is empty"


def truncated(folder: Path) -> str:
    (folder / "s1.wav").write_bytes((folder / "s1.wav").read_bytes()[:-20])
    return r"s1\.wav: is cut short"


def cut_within_its_header(folder: Path) -> str:
    (folder / "s1.wav").write_bytes((folder / "s1.wav").read_bytes()[:30])
    return r"s1\.wav: is no sound, or is damaged"


def text(folder: Path) -> str:
    (folder / "s1.wav").write_text("not a sound")
    return r"s1\.wav: is no sound, or is damaged"


def long(folder: Path) -> str:
    soundfile.write(folder / "s1.wav", np.zeros(61), 8000)
    return r"s1\.wav: has 61 places, and `wave` at most 60"


def missing(folder: Path) -> str:
    (folder / "s1.wav").unlink()
    return r"manifest\.csv: names s1\.wav, and there is no such file"


def untold(folder: Path) -> str:
    soundfile.write(folder / "t.wav", np.zeros(9), 8000)
    return r"manifest\.csv: says nothing of t\.wav"


def pictures_too(folder: Path) -> str:
    from PIL import Image

    Image.new("L", (4, 4)).save(folder / "p.png")
    return r"has images \(p\.png\) and sounds \(s0\.wav\)"


def out_of_range(folder: Path) -> str:
    path = folder / "manifest.csv"
    path.write_text(path.read_text().replace("s1.wav,1", "s1.wav,7"))
    return r"s1\.wav: `digit` takes"


def no_such_split(folder: Path) -> str:
    path = folder / "manifest.csv"
    path.write_text(path.read_text().replace("train", "training"))
    return r"sounds: none of its files is of the split `train`: there are `test`, `training`"


@pytest.mark.parametrize(
    "harm",
    [stereo, no_numbers, no_manifest, other_rate, all_of_another_rate, empty, truncated, cut_within_its_header, text,
     long, missing, untold, pictures_too, out_of_range, no_such_split],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_the_files_name(harm: Callable[[Path], str], tmp_path: Path) -> None:
    sounds(tmp_path)
    problem = harm(tmp_path / "sounds")
    with pytest.raises(ardsl.DataError, match=problem) as caught:
        load_data(ardsl.loads(MULAW), data_dir=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_sound_longer_than_a_fixed_variable(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(12), 100)
    spec = ardsl.loads(f"observed x[10] : real\np(x[t] | x[<t]) = normal via {WAVENET}\n")
    with pytest.raises(ardsl.DataError, match=r"a\.wav: has 12 places, and `x` 10: `\.\.12` would let it vary"):
        load_split(spec, tmp_path, "train")


def test_samples_are_sounds(tmp_path: Path) -> None:
    spec = ardsl.loads(MULAW)
    model = ardsl.compile(spec)
    lengths = {"wave": np.array([30, 60])}
    samples = model.sample(2, {"digit": 1}, lengths=lengths, seed=0)
    write_samples(tmp_path / "s.wav", spec, samples, {"digit": 1}, lengths)
    for row, length in enumerate((30, 60)):
        wave, rate = soundfile.read(tmp_path / f"s-{row}.wav")
        assert rate == 8000 and len(wave) == length
        assert np.abs(wave - samples[row, :length].numpy()).max() < 1 / 32000  # type: ignore[union-attr]
    write_samples(tmp_path / "s.png", spec, samples, {"digit": 1}, lengths)
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    write_samples(tmp_path / "s.npz", spec, samples, {"digit": 1}, lengths)
    again = load_split(spec, tmp_path / "s.npz", "test")["wave"]
    assert (~again.isnan()).sum(1).tolist() == [30, 60]
    assert torch.equal(again[0, :30], samples[0, :30])  # type: ignore[index]


def test_sound_needs_a_wave_and_a_rate(tmp_path: Path) -> None:
    with pytest.raises(ardsl.DataError, match="sound needs a rate"):
        check_output(tmp_path / "s.wav", ardsl.loads(MULAW.replace("rate = 8000", "")))
    with pytest.raises(ardsl.DataError, match="no variable is sound"):
        check_output(tmp_path / "s.wav", ardsl.loads("observed x[9] : binary\np(x) = bernoulli\n"))


@pytest.mark.thorough
def test_a_training_leaves_sounds_and_a_sound_is_gone_on_with(tmp_path: Path) -> None:
    made = sounds(tmp_path)
    (tmp_path / "m.ar").write_text(MULAW + "train { epochs = 1  batch = 4  window = 20 }\n")
    run, out = CliRunner(), tmp_path / "run"
    trained = run.invoke(main, ["train", str(tmp_path / "m.ar"), "--out", str(out), "--device", "cpu"])
    assert trained.exit_code == 0, trained.output
    assert f"ardsl sample {out} --given digit=VALUE -o sample.wav" in trained.output
    for number in range(4):
        assert soundfile.info(out / f"samples-{number}.wav").frames == 60
    assert (out / "samples.png").is_file()

    begin, written = tmp_path / "sounds" / "s2.wav", tmp_path / "longer.wav"
    words = ["sample", str(out), "--given", "digit=1", "--begin", str(begin), "--length", "50", "-o", str(written)]
    found = run.invoke(main, words)
    assert found.exit_code == 0, found.output
    wave, _ = soundfile.read(written)
    quantized = MuLaw(256).quantized(made["s2.wav"] / 32768)
    assert len(wave) == 50 and np.abs(wave[:34] - quantized).max() < 1 / 32000

    soundfile.write(begin, np.zeros(9), 16000)
    refused = run.invoke(main, words)
    assert refused.exit_code == 2 and "s2.wav: has 16,000 time steps a second" in refused.output
    refused = run.invoke(main, [*words[:-2], "-o", "x.wav", "--begin", "none.npz"])
    assert refused.exit_code == 2 and "none.npz: there is no such file" in refused.output
