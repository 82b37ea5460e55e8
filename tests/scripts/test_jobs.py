"""A study on machines of others: what the script of a job needs and does, and what Slurm would start."""

import inspect
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import pytest
import typer
from huggingface_hub.cli.jobs import jobs_uv_run
from typer.testing import CliRunner


ROOT = Path(__file__).parents[2]
JOB = ROOT / "scripts" / "job.py"


def test_a_job_needs_this_package_and_nothing_else():
    [header] = re.findall(r"^# /// script\n((?:#.*\n)+?)# ///$", JOB.read_text(encoding="utf-8"), flags=re.M)
    needs = tomllib.loads(re.sub(r"^# ?", "", header, flags=re.M))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert needs == {"requires-python": project["requires-python"], "dependencies": [project["name"]]}


@pytest.mark.parametrize(("codes", "ended"), [([0, 0], 0), ([1], 1)])
def test_a_job_publishes_what_it_has_trained(codes, ended):
    main, done = runpy.run_path(str(JOB))["main"], []

    def command(words, standalone_mode):
        done.append(words)
        return codes[len(done) - 1]

    main.__globals__.update(app=command, log_in=lambda: "ada")
    app = typer.Typer()
    app.command()(main)
    assert CliRunner().invoke(app, ["quick", "model=n14", "--output", "runs/mine"]).exit_code == ended
    assert (
        done
        == [
            ["run", "quick", "model=n14", "--output", "runs/mine"],
            ["publish", "study", "runs/mine"],
        ][: len(codes)]
    )


@pytest.mark.processes  # a job, as it runs on another machine
def test_a_job_ends_with_its_study_on_the_hub(hub, tmp_path):
    few = ["task=arithmetic", "model=n14", "steps=20", "eval_steps=10"]
    job = [sys.executable, JOB, "quick", *few, "--output", "runs/mine"]
    unknown, known = (
        subprocess.run(job, cwd=tmp_path, env=hub.environment(tmp_path / "home", token=token), capture_output=True,
                       text=True, check=False)
        for token in ("nobodys", "token-of-ada")
    )  # fmt: skip
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert known.returncode == 0, known.stderr
    assert set(hub.repos) == {
        ("dataset", "ada/arithmetic"),
        ("model", "ada/mine-arithmetic-n14"),
        ("dataset", "ada/mine"),
    }


@pytest.mark.skipif("dry_run" not in inspect.signature(jobs_uv_run).parameters, reason="older clients cannot")
def test_the_hubs_client_takes_the_documented_line(tmp_path):
    [line] = re.findall(r"^    (hf jobs uv run .*)$", JOB.read_text(encoding="utf-8"), flags=re.M)
    assert f"```bash\n{line}\n```" in (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")
    words = [
        Path(sys.executable).with_name("hf"),
        *shlex.split(line)[1:],
        "--dry-run",
        "model=n14",
        "--output",
        "runs/x",
    ]
    environment = os.environ | {"HF_HOME": str(tmp_path)}
    said = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert " ".join(re.search(r"args (.*)", said)[1].split()) == "quick model=n14 --output runs/x"


@pytest.fixture
def ray():
    """Ray's own commands, by their names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # an older Ray takes names that a newer click moves
        from ray.scripts.scripts import cli
    return cli.commands


def test_slurm_starts_ray_on_every_node_and_the_study_on_the_first(call, ray, tmp_path):
    """A stand-in for `srun` writes down what it would start on each node."""
    started = tmp_path / "started"
    for name, does in (
        ("srun", f'printf "%s\\n" "$@" >{shlex.quote(str(started))}'),
        ("scontrol", "echo 127.0.0.1; echo b"),
    ):
        (tmp_path / name).write_text(f"#!/bin/bash\n{does}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    slurm = {"SLURM_JOB_NODELIST": "a,b", "SLURM_JOB_NUM_NODES": "2", "SLURM_CPUS_ON_NODE": "8"}
    environment = os.environ | slurm | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    script = ["bash", ROOT / "scripts" / "slurm.sh", "seeds", "task=arithmetic", "--output", "runs/seeds"]
    subprocess.run(script, env=environment, check=True)
    words = started.read_text(encoding="utf-8").split("\n")[:-1]
    assert words[:3] == ["--cpus-per-task=8", "ray", "symmetric-run"]
    separator = words.index("--")
    launcher = ray["symmetric-run"].make_context("", words[3:separator]).params
    assert (launcher["address"], launcher["min_nodes"]) == ("127.0.0.1:6379", 2)
    ray["start"].make_context("", ["--head", *launcher["ray_args_and_entrypoint"]])
    program, *study = words[separator + 1 :]
    planned = call(*study, "--dry-run")
    assert (program, planned.exit_code) == ("hf-capacity", 0), planned.output
    assert "in runs/seeds" in planned.output
    assert study[-4:] == ["--engine", "ray", "--address", "127.0.0.1:6379"]
