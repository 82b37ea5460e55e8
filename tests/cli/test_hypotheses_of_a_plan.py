"""`hf-capacity run` of a study with hypotheses: what it refuses, what it leaves open, and the power that it plans."""

import copy
import json
import math

import numpy as np
import pytest
from scipy.stats import nct
from scipy.stats import t as student
from support.made_records import add_runs, arithmetic

from hf_capacity.config.arms import Arms
from hf_capacity.runs.claim import claim_folder


CELL = {"task": {"path": "arithmetic", "name": "rotating_pair"}, "block_size": 9, "batch_size": 8, "steps": 4}
WAYS = {"plain": {}, "lines": {"batches": "lines"}}
COMPARE = {
    "rate": "extrapolation of subtraction",
    "compare": [{"way": "lines", "model": "n28"}, {"way": "plain", "model": "n28"}],
    "expect": "higher",
    "smallest_difference": 0.5,
    "sd": 0.25,
    "primary": True,
}
TREND = {"rate": "fit", "trend": {"way": "plain"}, "expect": "lower", "smallest_difference": 0.3}
STUDY = {
    "question": "Do lines help?",
    "settings": CELL,
    "grid": {"way": WAYS, "model": ["n14", {"n_layer": 1, "n_embd": 20}, "n28"]},
    "seeds": {"model_seed+data_seed+split_seed": 8},
    "hypotheses": {"lines help": COMPARE, "falls": TREND},
}


@pytest.fixture
def run(call, tmp_path):
    """Runs the study with some of its keys, or of those of its first hypothesis, changed."""

    def invoke(*overrides, study=None, **changes):
        content = copy.deepcopy(STUDY | (study or {}))
        content["hypotheses"]["lines help"] |= changes
        (tmp_path / "s.yaml").write_text(json.dumps(content), encoding="utf-8")
        return call("run", "s.yaml", *overrides)

    return invoke


def power_of_eight(shift):
    """By the noncentral t with 7 degrees of freedom, at 3 x 2 / 2^8, which is the last p value below 0.05 / 2."""
    critical = student.isf(3 / 2**8, 7)
    return nct.sf(critical, 7, shift) + nct.cdf(-critical, 7, shift)


def lines_of(result):
    assert result.exit_code == 0, result.stderr
    return [line for line in result.output.splitlines() if line.startswith("hypothesis ")]


def test_a_dry_run_says_the_power_of_each_hypothesis(run, tmp_path):
    """Of eight pairs, sd 0.25 in either cell, at 0.05 / 2."""
    expected = power_of_eight(0.5 / (0.25 * math.sqrt(2 / 8)))
    compared, trend = lines_of(run("--dry-run"))
    assert compared == (
        f"hypothesis 'lines help' (primary): power {expected:.2f} for a difference of 0.5 with 8 pairs of runs, by a "
        "standard deviation of 0.25"
    )
    assert trend == (
        "hypothesis 'falls': power unknown with 8 runs a cell, there are no finished runs of runs/s: state `sd`, or a "
        "study as `pilot`"
    )
    assert not (tmp_path / "runs").exists()
    few, _ = lines_of(run("--dry-run", "seeds=5"))
    assert "power 0.00 for a difference of 0.5 with 5 pairs of runs" in few
    assert few.endswith("; 0.80 takes 8 (seeds=8)")


def test_the_variance_may_be_that_of_an_earlier_study(run, tmp_path):
    claim_folder(tmp_path / "earlier", "earlier", arms=Arms.of({"way": WAYS}, {}))
    for way, spread in (("plain", 1), ("lines", 2)):
        counts = [arithmetic(spread * seed % 4) for seed in range(1, 7)]
        add_runs(tmp_path / "earlier", CELL["task"], "n28", counts, **WAYS[way])
    differences = np.array([2 * seed % 4 - seed % 4 for seed in range(1, 7)]) / 4
    line, _ = lines_of(run("--dry-run", sd=None, pilot="earlier", rate="extrapolation"))
    expected = power_of_eight(0.5 / (np.std(differences, ddof=1) / math.sqrt(8)))
    assert f"power {expected:.2f} for a difference of 0.5 with 8 pairs of runs, by the 12 runs of earlier" in line
    line, _ = lines_of(run("--dry-run", sd=None, pilot="nowhere"))
    assert "power unknown with 8 pairs of runs, there are no finished runs of nowhere" in line


def test_runs_that_leave_a_hypothesis_open_say_so_and_go_on(run):
    left, power = lines_of(run("--dry-run", "model=n28"))
    assert left.startswith("hypothesis 'falls' is not tested by these runs: `way=plain` selects 1 cell of 1 sizes")
    assert power.startswith("hypothesis 'lines help' (primary): power")
    both = lines_of(run("--dry-run", "seeds=2"))
    assert all("is not tested by these runs: arithmetic (rotating pair), " in line for line in both)
    assert all(line.endswith("has fewer than 5 runs (2)") for line in both)
    assert len(lines_of(run("--dry-run", "batches=lines", "model=n14"))) == 2


LINES, PLAIN = {"way": "lines"}, {"way": "plain"}
WIDE = {"model": "n28"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"study": {"seeds": {"data_seed": 4}}}, "(rotating pair), lines, n28 has fewer than 5 runs (4)."),
        ({"rate": "recall"}, "(rotating pair), plain has no recall."),
        ({"rate": "fit of division"}, "has no fit of division."),
        (
            {"compare": [LINES | {"model": "n56"}, PLAIN]},
            "`way=lines model=n56` selects 0 cells, and has to select one",
        ),
        ({"compare": [LINES, PLAIN]}, "`way=lines` selects 3 cells, and has to select one."),
        ({"compare": [LINES | WIDE, {"batches": "lines"} | WIDE]}, "select the same cell."),
        ({"compare": None, "trend": WIDE}, "`model=n28` selects 2 cells of 1 sizes; a trend takes 3 sizes or more"),
    ],
)
def test_a_study_that_cannot_test_what_it_states_is_refused(run, tmp_path, changes, message):
    for overrides in ([], ["--dry-run"], ["way=plain", "seeds=1"]):
        result = run(*overrides, **changes)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert "Error: hypothesis 'lines help' cannot be tested: " in result.stderr
        assert message in result.stderr
        assert not (tmp_path / "runs").exists()


def test_a_command_says_what_comes_after_finished_runs(run, tmp_path):
    claim_folder(tmp_path / "runs" / "s", "s")
    (tmp_path / "runs" / "s" / "run").mkdir()
    (tmp_path / "runs" / "s" / "run" / "record.json").write_text("{}", encoding="utf-8")
    line, *_ = lines_of(run("--dry-run", sd=None, pilot="nowhere", study={"hypotheses": {"lines help": COMPARE}}))
    assert line == "hypothesis 'lines help' is post hoc: finished runs in runs/s before it was stated: 1"
