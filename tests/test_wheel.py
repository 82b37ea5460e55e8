"""The wheel works where nothing of the checkout is: in an empty directory."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hf_capacity.config.study import read_study
from hf_capacity.experiment import run_experiment
from hf_capacity.report import write_report


ROOT = Path(__file__).parent.parent
STUDY = ["run", "quick", "steps=30", "eval_steps=10", "task=arithmetic", "model=n14"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return path


def test_nothing_but_our_two_packages_lands_in_site_packages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"hf_capacity", "dataset_builders"}
    assert "hf_capacity/configs/quick.yaml" in names
    assert "hf_capacity/analysis/paper/accuracy.csv" in names
    assert "hf_capacity/demo/page.css" in names
    assert "hf_capacity/metrics/capacity_tradeoff/README.md" in names
    assert "dataset_builders/arithmetic/data/paper/train.jsonl" in names


@pytest.mark.processes  # pip and three commands
def test_from_an_empty_directory_it_gives_the_same_table(wheel, tmp_path):
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run(install, check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(site)}

    def call(*words):
        command = [sys.executable, "-m", "hf_capacity.cli", *words]
        result = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    where = [sys.executable, "-c", "import hf_capacity, dataset_builders; print(hf_capacity, dataset_builders)"]
    imported = subprocess.run(where, cwd=empty, env=environment, capture_output=True, text=True, check=True).stdout
    assert imported.count(str(site)) == 2
    call(*STUDY)
    told = call("report", "runs/quick")
    [run] = read_study("quick", STUDY[2:]).runs()
    run_experiment(run, tmp_path / "runs" / "quick", study="quick")
    report = write_report(tmp_path / "runs" / "quick").read_text(encoding="utf-8")

    def tables(text):
        results = text.split("## How this was run")[0]
        return [line for line in results.splitlines() if line.startswith("|")]

    assert tables(told) == tables(report)
    assert tables(told)
