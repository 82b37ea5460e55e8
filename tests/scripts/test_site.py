"""The site: nothing is missing from it, every link in it leads somewhere, its notebooks run."""

import ast
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import typer
from typer.testing import CliRunner

import hf_capacity


ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def call(script, *words):
    """A script's command, in this process."""
    app = typer.Typer()
    app.command()(script["main"])
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def stage_docs():
    return runpy.run_path(str(ROOT / "scripts" / "stage_docs.py"))


@pytest.fixture
def run_notebooks():
    return runpy.run_path(str(ROOT / "scripts" / "run_notebooks.py"))


def test_every_page_report_and_notebook_is_there(stage_docs):
    gathered = {str(path.relative_to(ROOT)) for path in stage_docs["gather"]()}
    written = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")}
    reports = {str(path.parent.relative_to(ROOT) / "report.md") for path in ROOT.glob("model_cards/*/study.yaml")}
    notebooks = {str(path.relative_to(ROOT)) for path in NOTEBOOKS}
    assert len(notebooks) == 2
    assert written | reports | notebooks <= gathered


def test_a_link_into_nowhere_is_refused(stage_docs, tmp_path):
    (tmp_path / "mkdocs.yml").write_text("nav:\n  - Home: README.md\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("[there](lost.md)\n`[not](a.link)`\n", encoding="utf-8")
    stage_docs["gather"].__globals__["ROOT"] = tmp_path
    said = call(stage_docs, "--output", tmp_path / "site")
    assert said.exit_code == 2
    assert (
        said.output == "Error: README.md links to lost.md, which is not a file of the repository: correct the link\n"
    )
    assert not (tmp_path / "site").exists()


def test_the_reference_has_every_public_name():
    documented = re.findall(r"^::: ([\w.]+)$", (ROOT / "docs" / "reference.md").read_text(encoding="utf-8"), re.M)
    assert set(hf_capacity.__all__) <= {name.rsplit(".", 1)[1] for name in documented}


def test_every_message_that_is_explained_is_one_of_ours():
    said = []
    for path in [*(ROOT / "hf_capacity").rglob("*.py"), *(ROOT / "dataset_builders").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                said.append("".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.append(node.value.replace("%s", "\0"))
    everything = "\n".join(said)
    explained = re.findall(r"^### `([^`]+)`$", (ROOT / "docs" / "faq.md").read_text(encoding="utf-8"), re.M)
    assert len(explained) > 15
    for message in explained:
        words = re.sub(r"\b(?:N|NAME|nan|fused|1,000)\b", "\0", message)
        pattern = re.sub("\0", "\0(?:[^\n]{0,12})", re.escape(words).replace("\\\0", "\0"))
        assert re.search(pattern, everything), message


class Links(HTMLParser):
    """What a page leads to, what it loads, and the anchors that it has."""

    def __init__(self, page):
        super().__init__()
        self.targets, self.loaded, self.anchors = [], [], {""}
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors |= {attributes.get("id") or "", attributes.get("name") or ""}
        target = attributes.get("href") or attributes.get("src")
        if target:
            self.targets.append(target)
            if tag != "a":
                self.loaded.append(target)


@pytest.mark.processes
def test_every_link_of_the_built_site_leads_somewhere(stage_docs, tmp_path):
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    assert call(stage_docs, "--output", tmp_path / "build" / "docs").exit_code == 0
    zensical = Path(sys.executable).with_name("zensical")
    built = subprocess.run([zensical, "build", "--strict"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "griffe" not in built.stderr  # a docstring that cannot be read
    pages = {page: Links(page) for page in (tmp_path / "build" / "site").rglob("*.html") if page.name != "404.html"}
    assert len(pages) > 50
    for page, links in pages.items():
        for target in links.targets:
            place = urlsplit(target)
            if place.scheme or place.netloc:
                assert target not in links.loaded, f"{page} loads {target}"
                continue
            path = (page.parent / unquote(place.path)).resolve() if place.path else page
            path = path / "index.html" if path.is_dir() else path
            assert path.is_file(), f"{page} links to {target}"
            if path in pages:
                assert unquote(place.fragment) in pages[path].anchors, f"{page} links to {target}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.processes
def test_the_notebooks_run(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "run_notebooks.py"), *map(str, NOTEBOOKS)]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("every cell runs") == len(NOTEBOOKS)


def test_a_notebook_that_cannot_be_run_is_refused_in_a_line(run_notebooks, tmp_path):
    (tmp_path / "text.ipynb").write_text("{}", encoding="utf-8")
    notebook = json.loads(NOTEBOOKS[0].read_text(encoding="utf-8"))
    notebook["metadata"]["kernelspec"]["name"] = "no_such_kernel"
    (tmp_path / "foreign.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    for name, words in (("text", "is no notebook"), ("foreign", "is for the kernel 'no_such_kernel'"), ("lost", "No")):
        said = call(run_notebooks, tmp_path / f"{name}.ipynb")
        assert (said.exit_code, said.output.count("\n")) == (2, 1)
        assert said.output.startswith("Error: ")
        assert words in said.output
