"""What the pages show is what happens: a block of a spec checks clean, or gives the codes that it carries."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from ardsl.diagnostics import Diagnostic, Sink, Source
from ardsl.families import resolve as families
from ardsl.families import resolve_domain
from ardsl.graph import separation
from ardsl.language import build, format_tree, parse, parser
from ardsl.model import declarations, indices
from ardsl.networks import realize, resolve
from ardsl.networks.dense import by
from ardsl.networks.dense import networks as dense
from ardsl.networks.lattice import network as lattice
from ardsl.relations import layering, order
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


LIMITS = {
    "AR010": (parser.MAX_CHARACTERS, parser.MAX_TOKENS),
    "AR008": (build.MAX_DEPTH,),
    "AR020": (parser.MAX_FAULTS,),
    "AR111": (declarations.MOST_ELEMENTS,),
    "AR112": (declarations.MOST_AXES,),
    "AR127": (indices.LARGEST,),
    "AR252": (order.MOST_ORDERS,),
    "AR305": (resolve_domain.MAX_LEVELS,),
    "AR302": (resolve_domain.MAX_INTEGER,),
    "AR317": (families.MAX_COMPONENTS,),
    "AR410": (dense.MAX_PAIRS, dense.MAX_LISTED, dense.MAX_SLOTS),
    "AR408": (dense.MAX_TABLE_ROWS,),
    "AR430": (by.MAX_VALUES,),
    "AR411": (resolve.MAX_PARAMETERS, realize.MANY_PARAMETERS),
    "AR416": (realize.MAX_READINGS,),
    "AR427": (resolve.MAX_VALUES,),
    "AR419": (lattice.MOST_RANKED,),
    "AR211": (layering.MOST_ELEMENTS, layering.MOST_EDGES, separation.MOST_ELEMENTS, separation.MOST_EDGES),
}
"""The constants of the code behind the rows of the table of limits, by the first code of each."""
_POWER = re.compile(r"(\d+)([⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def numbers(text: str) -> set[int]:
    """The whole numbers that a text writes: 65,536 and 2²⁷."""
    powers = {int(base) ** int(power.translate(_SUPERSCRIPTS)) for base, power in _POWER.findall(text)}
    return powers | {int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", _POWER.sub("", text))}


def test_the_limits_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    table = page.partition("\n## Limits\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in table.splitlines() if "| AR" in line]
    written: dict[str, set[int]] = {}
    for _, most, codes in rows:
        written.setdefault(codes.strip()[:5], set()).update(numbers(most))
    assert {code: set(constants) for code, constants in LIMITS.items()} == written
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").partition("\n- Dense networks list ")[2]
    assert numbers(design.partition("\n")[0]) == {dense.MAX_PAIRS, dense.MAX_SLOTS, dense.MAX_TABLE_ROWS}
