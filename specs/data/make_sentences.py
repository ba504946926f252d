"""Writes `sentences_train.txt`, `sentences_valid.txt` and `sentences_test.txt`: sentences of Python's own documentation
in small letters, one on each line.

    python specs/data/make_sentences.py FOLDER
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path
from pydoc_data.topics import topics

LONGEST = 159
SHARES = {"valid": 0.1, "test": 0.1, "train": 1.0}


def sentences() -> list[str]:
    """Those that are letters, commas, hyphens and apostrophes once quotes and brackets are left out, each once."""
    prose = re.sub(r"[`*\"()\[\]]", "", " ".join(topics.values()).lower())
    found = re.split(r"(?<=[.!?:])\s+", " ".join(prose.split()))
    return sorted({each for each in found if len(each) <= LONGEST and re.fullmatch(r"[a-z][a-z ,'-]{10,}\.", each)})


def main(folder: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    left = sentences()
    random.Random(0).shuffle(left)
    everyone = len(left)
    for split, share in SHARES.items():
        taken = left[: round(share * everyone)]
        left = left[len(taken) :]
        Path(folder, f"sentences_{split}.txt").write_text("\n".join(taken) + "\n")
        print(f"{split}: {len(taken):,} sentences")


if __name__ == "__main__":
    main(sys.argv[1])
