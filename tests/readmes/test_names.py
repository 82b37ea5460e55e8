"""What the READMEs name exists: rooms, files, sections, studies, rungs, commands."""

import re

import pytest
import typer
import yaml
from support.readmes import READMES, ROOT, prose, rows, tables
from test_imports import ROOMS

from hf_capacity.cli import app
from hf_capacity.config.model import LADDER
from hf_capacity.config.study import read_study
from hf_capacity.study import find_untested


GUIDES = {**READMES, "CONTRIBUTING.md": (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")}


def anchors(text: str) -> set[str]:
    """The headings of a page, as links spell them."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", GUIDES)
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\((?!http)([^)]+)\)", GUIDES[name]):
        path, _, anchor = target.partition("#")
        page = (ROOT / name).parent / path if path else ROOT / name
        assert page.exists(), target
        assert not anchor or anchor in anchors(page.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("name", GUIDES)
def test_every_file_named_exists(name):
    whole = re.findall(r"`([a-z_.]+/[a-z0-9_./]*|\w+\.py)`", GUIDES[name])
    within = re.findall(r"(?<![\w/.])((?:configs|scripts)/\w+\.\w+)", GUIDES[name])
    for path in whole + within:
        # Of a run, a dry run, a study, the site, a release.
        if path.split("/")[0] not in ("runs", "hub", "cards", "build", "dist"):
            places = ((ROOT / name).parent, ROOT, ROOT / "hf_capacity", ROOT / "tests")
            assert any((place / path).exists() for place in places), path


def test_every_room_has_a_readme_and_a_row_in_the_map():
    [table, *_] = tables(READMES["hf_capacity/README.md"])
    mapped = re.findall(r"\]\((\w+)(?:/README\.md|\.py)\)", table)
    assert mapped == [room for room in ROOMS if room != "__init__"]  # the reading order is the import order
    for room in set(mapped) - {"experiment", "study"}:
        text = READMES[f"hf_capacity/{room}/README.md"]
        assert text.startswith(f"# {room}: ")
        assert [part for part in ("**In:**", "**Out:**", "**Read first:**") if part not in text] == []


def test_every_study_is_listed_with_its_number_of_runs():
    listed = {
        study: int(runs)
        for names, _, runs in rows(tables(READMES["configs/README.md"])[0])[1:]
        for study in re.findall(r"`(\w+)`", names)
    }
    assert listed == {path.stem: read_study(path.stem).num_runs for path in (ROOT / "configs").glob("*.yaml")}


def test_every_rung_is_listed_with_its_sizes():
    listed = {}
    for names, layers, heads, widths, inner in rows(tables(READMES["configs/README.md"])[1])[1:]:
        for name, width in zip(names.split(", "), map(int, widths.split(", ")), strict=True):
            inner_width = width if inner == "as wide" else int(inner.replace(",", ""))
            listed[name] = (int(layers), int(heads), width, inner_width)
    assert listed == {name: (rung.n_layer, rung.n_head, rung.n_embd, rung.n_inner) for name, rung in LADDER.items()}


def test_the_example_of_a_study_is_one(tmp_path):
    [example] = re.findall(r"^```yaml\n(.*?)^```$", READMES["configs/README.md"], flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "mine.yaml").write_text(example, encoding="utf-8")
    study = read_study(str(tmp_path / "mine.yaml"))
    assert f"3 x 10 runs of each of the {len(study.runs()) // 30} cells" in example
    assert yaml.safe_load(example)["description"] == study.description
    assert yaml.safe_load(example)["question"] == study.question
    assert [one.name for one in study.hypotheses] == ["two layers help"]
    assert find_untested(study, study) == {}


def test_every_command_named_in_prose_exists():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    known = {"make": targets, "hf-capacity": typer.main.get_command(app).commands}
    for name, text in GUIDES.items():
        for program, command in re.findall(r"`(make|hf-capacity) ([\w-]+)", text):
            assert command in known[program], f"{name}: {program} {command}"


def test_the_first_screen_is_short():
    first = prose(READMES["README.md"].split("```")[0])
    findings = [" ".join(finding.split()) for finding in re.findall(r"^- (.*?)(?=^- |^\n)", first, flags=re.M | re.S)]
    assert len(findings) == 3
    for finding in findings:
        text = finding.replace(" ([report)", "")
        assert len(text.split()) <= 25, text
        assert len(re.findall(r"\d[\d.,]*", text)) <= 2, text
    assert len(first.split()) < 150
    assert len(re.findall(r"\d[\d.,]*", first)) < 12
