"""`make demo`: verifies `specs/digits.ar`, trains it, measures it, and draws samples beside real digits."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ardsl.cli import main

SPEC, RUN = "specs/digits.ar", "runs/digits"
SHOWN = 49


def command(*words: str) -> None:
    """Runs a command of the command line in this process, as a user would have typed it."""
    print(f"\n$ ardsl {' '.join(words)}", flush=True)
    code = main(list(words), standalone_mode=False)
    if code:
        sys.exit(code)


def picture(path: Path) -> None:
    """Real digits of the test set at the left, samples at the right."""
    import numpy as np
    from PIL import Image, ImageDraw

    import ardsl
    from ardsl.outputs.images import grid

    with np.load("specs/data/digits.npz") as data:
        real = data["test"][:SHOWN]
    samples = ardsl.restore(RUN).sample(SHOWN, seed=1).numpy()
    grids = [grid((pictures * 255.0 / 16).round().astype(np.uint8)) for pictures in (real, samples)]
    gap, top = 24, 24
    high, wide = grids[0].shape
    page = Image.new("L", (2 * wide + 3 * gap, high + top + gap), 255)
    for number, (title, pixels) in enumerate(zip(("real digits (test set)", "samples"), grids, strict=True)):
        left = gap + number * (wide + gap)
        ImageDraw.Draw(page).text((left, 6), title, fill=0)
        page.paste(Image.fromarray(pixels), (left, top))
    page.save(path)


def demo() -> None:
    started = time.perf_counter()
    os.chdir(Path(__file__).parent)
    command("verify", SPEC)
    command("train", SPEC, "--out", RUN)
    command("eval", RUN)
    path = Path(RUN, "real_and_samples.png")
    picture(path)
    print(f"\nReal digits and samples side by side: {path} (open it), {time.perf_counter() - started:.0f} s in all.")


if __name__ == "__main__":
    demo()
