"""What is uploaded: an sdist that holds what its tests need, and a wheel that works in an empty directory."""

import os
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata

import pytest
from support.distributions import ROOT, build_distributions

from hf_capacity.config.study import read_study
from hf_capacity.experiment import run_experiment
from hf_capacity.report import write_report


STUDY = ["quick", "steps=30", "eval_steps=10", "task=arithmetic", "model=n14"]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    return build_distributions(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(distributions):
    return next(path for path in distributions if path.suffix == ".whl")


def test_the_sdist_holds_what_make_test_needs_and_nothing_else(distributions):
    path = next(path for path in distributions if path.name.endswith(".tar.gz"))
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert path.stat().st_size < 20_000_000
    assert {name.split("/")[0] for name in names} == {
        ".gitignore", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "PKG-INFO",
        "README.md", "configs", "constraints-lowest.txt", "constraints.txt", "dataset_builders", "docs", "hf_capacity",
        "mkdocs.yml", "model_cards", "pyproject.toml", "scripts", "tests",
    }  # fmt: skip
    if (ROOT / ".git").exists():
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        checkout = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
        there = {name for name in checkout if (ROOT / name).is_file() and not name.startswith(".ci/")}
        assert names - {"PKG-INFO"} == there


def test_nothing_but_our_two_packages_lands_in_site_packages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"hf_capacity", "dataset_builders"}
    assert "hf_capacity/configs/quick.yaml" in names
    assert "hf_capacity/cli/train.py" in names
    assert "hf_capacity/model_cards/templates/model.md.jinja" in names
    assert "hf_capacity/analysis/paper/accuracy.csv" in names
    assert "hf_capacity/demo/page.css" in names
    assert "hf_capacity/metrics/capacity_tradeoff/README.md" in names
    assert "dataset_builders/arithmetic/data/paper/train.jsonl" in names


@pytest.mark.processes  # pip and seven commands
def test_from_an_empty_directory_it_gives_the_same_table(wheel, tmp_path):
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run(install, check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(site)}

    def call(*words):
        command = [sys.executable, site / "bin" / "hf-capacity", *words]
        result = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    where = [sys.executable, "-c", "import hf_capacity, dataset_builders; print(hf_capacity, dataset_builders)"]
    imported = subprocess.run(where, cwd=empty, env=environment, capture_output=True, text=True, check=True).stdout
    assert imported.count(str(site)) == 2
    assert call("--version") == f"{metadata.version('hf-capacity')}\n"
    assert "too_big_to_think" in call("studies")
    assert "1 run, 0 done, 1 to do" in call("run", *STUDY, "--dry-run")
    assert list(empty.iterdir()) == []
    call("run", *STUDY)
    call("train", *STUDY, "--output", "runs/trained")
    found, trained = (next(empty.glob(f"runs/{name}/*/model.safetensors")) for name in ("quick", "trained"))
    assert found.read_bytes() == trained.read_bytes()
    told = call("report", "runs/quick")
    [run] = read_study("quick", STUDY[1:]).runs()
    run_experiment(run, tmp_path / "runs" / "quick", study="quick")
    report = write_report(tmp_path / "runs" / "quick").read_text(encoding="utf-8")

    def tables(text):
        results = text.split("## How this was run")[0]
        return [line for line in results.splitlines() if line.startswith("|")]

    assert tables(told) == tables(report)
    assert tables(told)
