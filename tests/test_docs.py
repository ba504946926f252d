"""What the pages show is what happens: a block of a spec checks clean, or gives the codes that it carries."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from ardsl.diagnostics import Diagnostic, Sink, Source
from ardsl.language import format_tree, parse
from ardsl.spec import diagnose

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("specs/**/*.md")])
SPECS = sorted(ROOT.glob("specs/*.ar"))
_BLOCK = re.compile(r"^```ar\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"#.*?\b(AR\d{3})\b")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def blocks() -> list[tuple[str, str]]:
    """Every block of a spec, by its page and line."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 2
            found.append((f"{page.relative_to(ROOT)}:{line}", match.group(1)))
    return found


def diagnostics(text: str, name: str, directory: str = ".") -> list[Diagnostic]:
    return diagnose(Source(text, name, directory))[0]


@pytest.mark.parametrize("place, text", blocks(), ids=[place for place, _ in blocks()])
def test_a_block_gives_exactly_the_codes_it_carries(place: str, text: str) -> None:
    carried = [(n, code) for n, line in enumerate(text.splitlines(), 1) for code in _CODE.findall(line)]
    assert sorted((d.line, d.code) for d in diagnostics(text, place)) == sorted(carried)


def test_there_are_blocks() -> None:
    places = {place.split(":")[0] for place, _ in blocks()}
    assert {"README.md", "docs/language.md"} <= places


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_a_shipped_spec_is_clean_and_in_the_canonical_layout(path: Path) -> None:
    text = path.read_text()
    assert diagnostics(text, path.name, str(path.parent)) == []
    source = Source(text, path.name)
    assert format_tree(parse(source, Sink(source))) == text
    assert text.startswith("# "), "a spec opens with its card: what it is, the paper, the data, the figure to expect"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    gone = [target for target in _LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert not gone


@pytest.mark.parametrize("name", ["asia", "eeg", "planes", "sentences"])
def test_a_script_that_writes_data_makes_its_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    arguments = [folder]
    if name == "planes":
        digits = {
            f"{split}_{kind}": np.zeros((2, 3, 3)) for split in ("train", "test") for kind in ("images", "labels")
        }
        np.savez(tmp_path / "digits.npz", **digits)
        arguments = [tmp_path / "digits.npz", folder]
    runpy.run_path(str(ROOT / "specs" / "data" / f"make_{name}.py"))["main"](*map(str, arguments))
    assert any(folder.iterdir())


def test_every_code_a_page_names_is_known() -> None:
    from ardsl.diagnostics.rules import RULES

    named = {code for page in PAGES for code in re.findall(r"\bAR\d{3}\b", page.read_text())}
    assert named - set(RULES) == set()
