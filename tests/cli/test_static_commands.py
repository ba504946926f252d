"""``graph``, ``plan``, ``verify`` and the reference pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import Run

GRAPH = (
    "given y : category(3)\nobserved x[4] : binary\nobserved z : real\n"
    "p(x[i] | x[<i], y) = bernoulli\np(z | x) = normal\n"
)
BLIND = "observed x[30] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 4, direct = false)\n"


def test_graph_lists_what_reads_what(run: Run) -> None:
    Path("graph.ar").write_text(GRAPH)
    assert run("graph", "graph.ar").stdout.splitlines() == [
        "given y : category(3)",
        "observed x[4] : binary, by raster",
        "  reads x[<i], y",
        "observed z : real",
        "  reads x",
    ]


@pytest.mark.parametrize(
    "suffix, start", [("svg", b"<svg"), ("png", b"\x89PNG"), ("dot", b"digraph"), ("mmd", b"flowchart"), ("json", b"{")]
)
def test_graph_is_written_by_suffix(run: Run, suffix: str, start: bytes) -> None:
    result = run("graph", "good.ar", "-o", f"out/graph.{suffix}")
    assert (result.exit_code, result.stdout) == (0, f"wrote out/graph.{suffix}\n")
    assert Path(f"out/graph.{suffix}").read_bytes().startswith(start)


def test_graph_json_names_variables_and_edges(run: Run) -> None:
    Path("graph.ar").write_text(GRAPH)
    found = json.loads(run("graph", "--json", "graph.ar").stdout)
    assert [v["name"] for v in found["variables"]] == ["y", "x", "z"]
    assert {(e["source"], e["target"]) for e in found["edges"]} == {("y", "x"), ("x", "z")}
    assert run("graph", "--format", "json", "graph.ar").stdout == run("graph", "--json", "graph.ar").stdout


LATENT = (
    "latent k : category(3)\nlatent z : real\nobserved x : real\np(k) = categorical\np(z) = normal(0, 1)\n"
    "p(x | z, k) = normal\nq(k) = exact\nq(z | x) = normal\n"
)


def test_the_guide_is_told_and_drawn(run: Run) -> None:
    Path("latent.ar").write_text(LATENT)
    assert run("graph", "latent.ar").stdout.splitlines() == [
        "latent k : category(3)",
        "  reads nothing",
        "  is enumerated",
        "latent z : real",
        "  reads nothing",
        "  is inferred from x",
        "observed x : real",
        "  reads k, z",
    ]
    assert json.loads(run("graph", "latent.ar", "--json").stdout)["guide"] == [
        {"target": "k", "exact": True, "contexts": []},
        {"target": "z", "exact": False, "contexts": ["x"]},
    ]
    assert '"x" -> "z" [style=dashed' in run("graph", "latent.ar", "--format", "dot").stdout
    assert "v2 -.-> v1" in run("graph", "latent.ar", "--format", "mmd").stdout
    line = "p(k, z, x) = p(k) · p(z) · p(x | z, k); q(z | x) = q(z | x)"
    assert run("check", "latent.ar").stdout == f"latent.ar: sound and complete: {line}\n"
    page = run("plan", "latent.ar").stdout
    assert page.startswith(f"latent: {line}\n") and "q(z | x) via linear" in page


def test_an_unknown_format_is_a_line(run: Run) -> None:
    result = run("graph", "good.ar", "-o", "graph.pdf")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert ".svg" in result.stderr
    assert run("graph", "good.ar", "--format", "png").exit_code == 2


def test_plan_adds_up(run: Run) -> None:
    found = json.loads(run("plan", "--json", "good.ar").stdout)
    layers = [layer for group in found["groups"] for layer in group["layers"]]
    for total in ("parameters", "flops"):
        assert found[total] == sum(layer[total] for layer in layers)
    assert found["formula"] == "p(x) = ∏ p(x[i] | x[<i])" and found["steps"] == 16
    assert found["receptive_fields"] == [
        {"factor": "p(x[i] | x[<i])", "elements": 15, "reach": {"axis 0": 3, "axis 1": 3}}
    ]
    shown = run("plan", "good.ar").stdout
    assert f"{found['parameters']:,}" in shown
    assert "sampling steps     16" in shown


def test_verify_shows_a_blind_spot_without_failing(run: Run) -> None:
    Path("blind.ar").write_text(BLIND)
    result = run("verify", "blind.ar")
    assert result.exit_code == 0
    assert "blind spot in p(x[i] | x[<i]): x[1] never sees x[0]" in result.stdout
    assert "Sound: nothing leaks. Not complete: 82 blind spots, 18.9 % of what is declared." in result.stdout
    found = json.loads(run("verify", "--json", "blind.ar").stdout)
    assert (found["sound"], found["complete"]) == (True, False)
    (factor,) = found["factors"]
    assert factor["blind_spots"]["count"] == 82 == factor["declared"] - factor["realized"]
    assert ["x[1]", "x[0]"] in factor["blind_spots"]["examples"]


def test_verify_fails_on_a_blind_spot_that_was_claimed_away(run: Run) -> None:
    Path("blind.ar").write_text(BLIND + "check complete(x)\n")
    result = run("verify", "blind.ar")
    assert result.exit_code == 1
    assert "AR422" in result.stderr
    assert "blind spot in p(x[i] | x[<i]): x[1] never sees x[0]" in result.stdout
    as_json = run("verify", "--json", "blind.ar")
    assert as_json.exit_code == 1 and json.loads(as_json.stdout)["factors"][0]["blind_spots"]["count"] == 82


def test_verify_probes_the_module(run: Run) -> None:
    Path("blind.ar").write_text(BLIND)
    result = run("verify", "--numeric", "blind.ar")
    assert result.exit_code == 0 and result.stdout.endswith("The probe and the plan agree.\n")
    found = json.loads(run("verify", "--numeric", "--json", "good.ar").stdout)
    assert found["numeric"]["method"] == "numeric" and found["numeric"]["sound"]


def test_a_rejected_spec_is_shown_on_standard_error(run: Run) -> None:
    for command in ("plan", "verify", "graph"):
        result = run(command, "bad.ar")
        assert (result.exit_code, result.stdout) == (1, "") and "AR101" in result.stderr
        result = run(command, "--json", "bad.ar")
        assert json.loads(result.stdout)["valid"] is False and result.exit_code == 1


def test_explain_prints_the_page(run: Run) -> None:
    assert run("explain", "ar203").stdout.startswith("AR203:")
    assert "AR203" in run("explain").stdout
    result = run("explain", "AR2033")
    assert result.exit_code == 2 and "did you mean `AR203`" in result.stderr


def test_plan_shows_the_options_that_are_set(run: Run, tmp_path: Path) -> None:
    text = "given k : category(3)\ngiven x : real\nobserved y : real\np(y | k, x) = normal via "
    for written, shown in (("linear", "linear(tied = false)"), ("linear(by = k)", "linear(tied = false, by = k)")):
        path = tmp_path / "by.ar"
        path.write_text(f"{text}{written}\n")
        assert f"p(y | k, x) via {shown}\n" in run("plan", str(path)).stdout
    (group,) = json.loads(run("plan", "--json", str(path)).stdout)["groups"]
    assert group["options"]["by"] == "k" and group["layers"][0]["parameters"] == 3 * (2 + 2)


def test_networks_prints_options_with_their_ranges(run: Run) -> None:
    page = run("networks").stdout
    assert "hidden = [500]" in page and "pixelcnn" in page
    by = "by                        weights of their own for each value of this context (the name of a variable)"
    assert by in run("networks", "linear").stdout
    assert run("networks", "table").stdout.startswith("table:")
    assert "deconv: a decoder" in page and "to a map at every position (of a context)" in page
    assert "did you mean `made`" in run("networks", "mad").stderr
    assert run("networks", "row_lstm").exit_code == 2


def test_families_prints_the_catalogue(run: Run) -> None:
    assert "student_t" in run("families").stdout


def _chain(length: int) -> str:
    lines = ["observed x0 : binary", "p(x0) = default"]
    for i in range(1, length):
        lines += [f"observed x{i} : binary", f"p(x{i} | x{i - 1}) = bernoulli via table"]
    return "\n".join(lines) + "\n"


def test_many_factors_are_summed_up(run: Run) -> None:
    Path("chain.ar").write_text(_chain(100))
    plan = run("plan", "chain.ar").stdout
    assert "  and 60 more\n" in plan and "p(x39 | x38)" in plan and "p(x40 | x39)" not in plan
    assert max(map(len, plan.splitlines())) < 420
    report = run("verify", "chain.ar").stdout
    assert "  and 60 factors more, without leaks or blind spots\n" in report
    assert report.endswith("Sound and complete: all of the 99 declared pairs realized, and nothing else.\n")
    assert len(json.loads(run("verify", "--json", "chain.ar").stdout)["factors"]) == 100


def test_a_picture_too_large_for_a_png_is_an_svg(run: Run) -> None:
    Path("chain.ar").write_text(_chain(100))
    result = run("graph", "chain.ar", "-o", "chain.png")
    assert result.exit_code == 2 and "a png has at most 20,000: write an svg" in result.stderr
    assert run("graph", "chain.ar", "-o", "chain.svg").exit_code == 0


def test_a_record_s_order_is_told_by_its_fields(run: Run) -> None:
    Path("r.ar").write_text(
        "record r { a : binary  b : binary  c : binary }\norder r by [c, a, b]\np(r[i] | r[<i]) = default\n"
    )
    assert "observed r : record of 3 fields, by [c, a, b]" in run("graph", "r.ar").stdout
    assert "[c, a, b]" in run("verify", "r.ar").stdout


def test_codes_are_explained_by_their_number_too(run: Run) -> None:
    assert run("explain", "203").stdout == run("explain", "AR203").stdout


def test_an_unknown_parameter_has_no_place_in_the_text(run: Run) -> None:
    result = run("check", "good.ar", "--set", "widht=3")
    assert result.exit_code == 1 and "-->" not in result.stdout and "AR108" in result.stdout


@pytest.mark.parametrize("command", ["plan", "verify"])
def test_what_elements_read_is_drawn(command: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.ar").write_text("observed x[6, 6] : binary\np(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 1)\n")
    done = run(command, str(tmp_path / "s.ar"), "-o", str(tmp_path / "r.png"), "--element", "x[3, 3]")
    assert done.exit_code == 0 and (tmp_path / "r.png").is_file() and "x[3, 3]" in done.output
    alone = run(command, str(tmp_path / "s.ar"), "--element", "x[3, 3]")
    assert alone.exit_code == 2 and "`--element` says what" in alone.output
