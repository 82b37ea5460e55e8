"""Every command in a README works as written, or a shorter one in its place."""

import os
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.distributions import unpack_sdist
from support.readmes import READMES, blocks, commands


# Commands that take long, with the reason, and what runs in their place.
LONG = {
    "make reproduce": ("trains nine cells for minutes", "make --dry-run reproduce"),
    ". .venv/bin/activate": ("needs what `make` installs; the tests have their own", "make --dry-run .venv/installed"),
    "make test": ("is this very suite", "make --dry-run test"),
    "make benchmark": ("measures for minutes, and wants the machine to itself", "make --dry-run benchmark"),
    "make reproduce STUDY=too_big_to_think": (
        "trains nine cells for a quarter of an hour",
        "hf-capacity run too_big_to_think --dry-run",
    ),
    "hf-capacity run quick": ("trains nine cells for minutes", "hf-capacity run quick --dry-run"),
    "hf-capacity run quick task=arithmetic model=n14 model_seed=1": (
        "trains for half a minute",
        "hf-capacity run quick task=arithmetic model=n14 model_seed=1 --dry-run",
    ),
    "hf-capacity report runs/quick": (
        "needs the runs of the line before",
        "hf-capacity report model_cards/too_big_to_think",
    ),
    "hf-capacity replicate rescue intervention=lines model.n_embd=20": (
        "trains six runs for minutes",
        "hf-capacity replicate rescue intervention=lines model.n_embd=20 --dry-run",
    ),
    'hf-capacity replicate rescue intervention=lines model.n_embd=20 --seeds "{model_seed+data_seed: 3, '
    'split_seed: 12}" --output runs/rescue_crossed': (
        "trains 36 runs for many minutes",
        "hf-capacity replicate rescue --help",
    ),
    'hf-capacity replicate why model=n56 "digits=line held"': (
        "trains twelve runs for minutes",
        'hf-capacity replicate why model=n56 "digits=line held" --dry-run',
    ),
    "hf-capacity replicate size --seeds 11": (
        "trains 99 runs for many minutes",
        "hf-capacity replicate size --seeds 11 --dry-run",
    ),
    **{
        f'hf-capacity replicate joint "rows={rows}"': (
            "trains 24 runs for many minutes",
            f'hf-capacity replicate joint "rows={rows}" --dry-run',
        )
        for rows in ("whole alone at 0", "cut alone at 0", "whole alone offset")
    },
    "hf-capacity replicate runs/quick task=arithmetic model=n14": (
        "needs the runs of the line before",
        "hf-capacity replicate quick task=arithmetic model=n14 --dry-run",
    ),
    "hf-capacity results runs/quick": ("needs the runs of the line before", "hf-capacity results model_cards/quick"),
    "hf-capacity results runs/quick --output quick.parquet": (
        "needs the runs of the line before",
        "hf-capacity results model_cards/quick --output quick.parquet",
    ),
    "hf-capacity evaluate runs/quick/arithmetic-n14-s1337-*": (
        "needs the runs of the line before",
        "hf-capacity evaluate --help",
    ),
    "hf-capacity probe runs/quick/arithmetic-n14-s1337-*": (
        "needs the runs of the line before; test_probes.py probes some",
        "hf-capacity probe --help",
    ),
    'hf-capacity ask runs/quick/arithmetic-n14-s1337-* "<5+7="': (
        "needs the runs of the line before",
        "hf-capacity ask --help",
    ),
    "hf-capacity demo model_cards/checkpoints": (
        "serves until it is stopped; test_demo.py serves a page",
        "hf-capacity demo --help",
    ),
    "hf-capacity evaluate openai-community/gpt2 --task arithmetic": (
        "needs the Hub; test_inference.py scores such a model",
        "hf-capacity evaluate --help",
    ),
    "hf-capacity prepare capitals.csv --prompt country --answer capital --output data/capitals": (
        "needs a file of one's own; test_own_data.py has some",
        "hf-capacity prepare --help",
    ),
    "hf-capacity run data/capitals": ("needs the folder of the line before", "hf-capacity run --help"),
    "hf-capacity report runs/capitals": ("needs the runs of the line before", "hf-capacity report --help"),
    'hf-capacity ask runs/capitals/data-capitals-n56-s1-* "France "': (
        "needs the runs of the line before",
        "hf-capacity ask --help",
    ),
    "hf-capacity evaluate runs/capitals/data-capitals-n56-s1-*": (
        "needs the runs of the line before",
        "hf-capacity evaluate --help",
    ),
    "hf-capacity replicate capitals --seeds 5": (
        "needs the runs of the line before; test_replicate.py replicates such a study",
        "hf-capacity replicate --help",
    ),
    "hf-capacity publish study runs/capitals --dry-run": (
        "needs the runs of the line before",
        "hf-capacity publish study --help",
    ),
    "hf-capacity run smaller.yaml seeds=16": (
        "trains 32 runs for minutes",
        "hf-capacity run smaller.yaml seeds=16 --dry-run",
    ),
    "hf-capacity report runs/smaller": ("needs the runs of the line before", "hf-capacity report --help"),
    "hf-capacity replicate runs/smaller": ("needs the runs of the line before", "hf-capacity replicate --help"),
    "lm_eval --model hf --model_args pretrained=MODEL,dtype=float32 --include_path harness/lm-eval --tasks "
    "hf_capacity_arithmetic_paper": ("needs the extra; test_harnesses.py runs it", "hf-capacity export --help"),
    "inspect eval harness/inspect/task.py --model hf/MODEL --model-config harness/inspect/model.yaml": (
        "needs the extra; test_harnesses.py runs it",
        "hf-capacity export --help",
    ),
    "hf auth login": ("asks for a token", "hf auth login --help"),
    "hf-capacity publish study runs/quick": (
        "needs the runs of the line before, and the Hub; test_publish.py has one",
        "hf-capacity publish study --help",
    ),
    "hf-capacity publish study runs/quick --name small": (
        "needs the runs of the line before, and the Hub; test_publish_names.py has both",
        "hf-capacity publish study --help",
    ),
    "hf-capacity publish dataset arithmetic": ("needs the Hub", "hf-capacity publish dataset arithmetic --dry-run"),
    "hf-capacity publish demo model_cards/quick": (
        "needs the Hub; test_space.py starts the page",
        "hf-capacity publish demo model_cards/quick --dry-run",
    ),
    "hf-capacity publish metric": ("needs the Hub", "hf-capacity publish metric --dry-run"),
    "hf-capacity publish study runs/quick --dry-run": (
        "needs the runs of the line before; test_publish.py has some",
        "hf-capacity publish model --help",
    ),
    "hf-capacity train quick task=arithmetic model=n14 --push-to-hub": (
        "needs the Hub; test_train.py has one",
        "hf-capacity train --help",
    ),
    "ray start --head": ("would leave a cluster behind; test_ray_pool.py has one of its own", "ray start --help"),
    "ray start --address=HEAD:6379": ("needs the cluster of the line before", "ray start --help"),
    "hf-capacity run seeds --engine ray --address auto --output /shared/runs/seeds": (
        "needs a cluster, and a folder that its nodes mount",
        "hf-capacity run seeds --engine ray --address auto --output runs/on_a_cluster --dry-run",
    ),
    "hf-capacity train quick task=arithmetic model=n14": (
        "trains for half a minute; test_train.py trains a while",
        "hf-capacity train --help",
    ),
    "OMP_NUM_THREADS=1 accelerate launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no "
    "--dynamo_backend no -m hf_capacity.cli train quick task=arithmetic model=n14": (
        "is launched by test_train.py",
        "accelerate launch --help",
    ),
    "sbatch --nodes 2 scripts/slurm.sh seeds --output /shared/runs/seeds": (
        "needs a Slurm cluster; test_jobs.py stands in for one",
        "bash -n scripts/slurm.sh",
    ),
    "hf jobs uv run --secrets HF_TOKEN --timeout 2h scripts/job.py quick": (
        "needs an account that pays; test_jobs.py has its dry run",
        "hf jobs uv run --help",
    ),
}


SHELL = list(dict.fromkeys(command for text in READMES.values() for command in commands(text)))
# What runs: the same command in place of several runs once.
SHORT = list(dict.fromkeys(LONG.get(command, ("", command))[1] for command in SHELL))
PYTHON = [block for text in READMES.values() for block in blocks(text, "python")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What a new user has: the unpacked sdist, and an environment in which it is installed."""
    folder = unpack_sdist(tmp_path_factory.mktemp("clone"))
    [study] = blocks(READMES["docs/conclude.md"], "yaml")
    (folder / "smaller.yaml").write_text(study, encoding="utf-8")  # as that page asks its reader to
    return folder


def run(command, clone):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        command, shell=True, cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def marked(command):
    """A command as a parameter: those that train a few steps start processes, which load torch again."""
    return pytest.param(command, marks=[pytest.mark.processes] if "steps=20" in command else [])


@pytest.mark.parametrize("command", [marked(command) for command in SHORT])
def test_a_command_works_as_written(command, clone, call, monkeypatch):
    program, *words = shlex.split(command)
    if program != "hf-capacity":
        run(command, clone)
        return
    monkeypatch.chdir(clone)
    result = call(*words)
    assert result.exit_code == 0, f"{command}\n{result.output}"


def test_the_power_of_a_plan_is_as_shown(clone, call, monkeypatch):
    monkeypatch.chdir(clone)
    [shown] = blocks(READMES["docs/conclude.md"], "text")
    assert " ".join(shown.split()) in call("run", "smaller.yaml", "--dry-run").output
    assert "power 0.8" in call("run", "smaller.yaml", "seeds=16", "--dry-run").output


def test_no_command_is_listed_in_vain():
    assert set(LONG) <= set(SHELL)


@pytest.mark.parametrize(
    "block", [pytest.param(block, marks=[pytest.mark.processes] if "run_study(" in block else []) for block in PYTHON]
)
def test_a_python_block_works_as_written(block, clone, monkeypatch):
    (clone / "block.py").write_text(block, encoding="utf-8")
    monkeypatch.chdir(clone)
    runpy.run_path("block.py", run_name="__main__")


@pytest.mark.slow  # trains the nine cells
def test_the_quick_study_in_full(clone):
    run("hf-capacity run quick", clone)
    run("hf-capacity run quick task=arithmetic model=n14 model_seed=1", clone)
    assert "n14" in run("hf-capacity report runs/quick", clone)
    assert "withheld" in run("hf-capacity evaluate runs/quick/arithmetic-n14-s1337-*", clone)
    assert run('hf-capacity ask runs/quick/arithmetic-n14-s1337-* "<5+7="', clone).startswith("<5+7=")
