"""`hf-capacity replicate`, from the command line to the comparison: tiny runs, done here."""

import shutil

import pytest
import yaml
from support.made_records import add_runs, arithmetic

from hf_capacity import study as study_line
from hf_capacity.config.arms import Arms
from hf_capacity.config.hypotheses import read_hypotheses
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.claim import claim_folder
from hf_capacity.runs.records import read_records


TASK = {"path": "arithmetic", "name": "rotating_pair"}
ARMS = {"way": {"plain": {}, "weight decay": {"weight_decay": 1.0}}}
HYPOTHESES = {
    "decay helps": {
        "rate": "fit",
        "compare": [{"way": "weight decay"}, {"way": "plain"}],
        "expect": "higher",
        "smallest_difference": 0.2,
        "primary": True,
    }
}


@pytest.fixture
def call(call, monkeypatch):
    """The command line in an empty folder; runs are done in this process, whose workers would load torch again."""

    def run_here(to_do, destination, num_workers, verbosity):
        for run in to_do:
            run_experiment(run, destination.output, study=destination.study)
        return {}

    monkeypatch.setattr(study_line, "run_local", run_here)
    return call


@pytest.fixture
def study(call, tmp_path):
    """A finished study in `runs/s`: two arms with five runs each, of two steps."""
    folder, arms = tmp_path / "runs" / "s", Arms.of(ARMS, {})
    claim_folder(folder, "s", "Is it so?", arms, ("Does weight decay help?", read_hypotheses(HYPOTHESES, arms)))
    for settings in ARMS["way"].values():
        add_runs(
            folder, TASK, "n14", [arithmetic(right) for right in (0, 1, 2, 3, 4)], steps=2, eval_steps=2, **settings
        )
    return folder


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_study_is_replicated_compared_and_gone_on_with(study, call, tmp_path):
    before = contents(tmp_path)
    planned = call("replicate", "s", "way=plain", "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert planned.output.startswith("Replicates runs/s, of 10 runs. Of its 5 withheld pairs the original had none.\n")
    assert planned.output.count("2 steps  plain  to do") == 5
    assert "hypothesis 'decay helps' is not tested by these runs" in planned.output
    assert "hypothesis 'decay helps' (primary): power " in call("replicate", "s", "--dry-run").output
    assert contents(tmp_path) == before

    done = call("replicate", "s", "way=plain", "model_seed=3")
    assert done.exit_code == 0, done.output
    assert "## Beside the original" in done.output
    assert "| arithmetic (rotating pair) | n14   | plain      | extrapolation " in done.output
    assert "Written: runs/s_replication/report.md" in done.output
    replication = tmp_path / "runs" / "s_replication"
    [record] = read_records(replication)
    assert (record["study"], record["config"]["model_seed"]) == ("s_replication", 8)
    stated = yaml.safe_load((replication / "study.yaml").read_text(encoding="utf-8"))
    assert stated["replicates"]["study"] == "s"
    assert stated["hypotheses"]["decay helps"]["pilot"] == "s"
    assert stated["stated"]["decay helps"]["finished_runs"] == 0
    rest = call("replicate", "runs/s", "--dry-run")
    assert "s_replication: 10 runs, 1 done, 9 to do" in rest.output, "the same seeds, whatever part was done first"


def test_a_study_of_which_part_is_done_is_replicated_as_far_as_it_is(study, call):
    for record in read_records(study):
        if record["config"]["weight_decay"]:
            shutil.rmtree(record["folder"])
    planned = call("replicate", "s", "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "hypothesis 'decay helps' is not tested by these runs: `way=weight decay` selects 0 cells" in planned.output
    assert "s_replication: 5 runs, 0 done, 5 to do" in planned.output


def test_a_crossed_design_is_a_study_of_its_own(study, call, tmp_path):
    design = ["way=plain", "--seeds", "{split_seed: 2}", "--output", "runs/crossed"]
    done = call("replicate", "s", *design)
    assert done.exit_code == 0, done.output
    records = read_records(tmp_path / "runs" / "crossed")
    assert len({record["config"]["split_seed"] % 45 for record in records} - {1, 2, 3, 4, 5}) == 2
    assert {record["config"]["model_seed"] for record in records} == {6}
    other = call("replicate", "s", "way=plain", "--output", "runs/crossed")
    assert other.exit_code == 2
    assert "replicates the 10 runs of 's'" in other.stderr
    assert other.stderr.count("\n") == 1
    shutil.rmtree(records[0]["folder"])  # as if it had been stopped before
    assert "crossed: 2 runs, 1 done, 1 to do" in call("replicate", "s", *design, "--dry-run").output
    assert call("replicate", "s", *design).exit_code == 0
    assert [record["run_id"] for record in read_records(tmp_path / "runs" / "crossed")] == [
        record["run_id"] for record in records
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "'nothing' has no finished run: there is none in runs/nothing or "),
        (["runs/empty"], "'runs/empty' has no finished run"),
        (["s.yaml"], "'s.yaml' has no finished run"),
        (["s", "model=n15"], "no run of runs/s has 'model=n15'"),
        (["s", "model"], "'model' is not of the form key=value"),
        (["s", "--seeds", "["], "`--seeds` is not valid YAML"),
        (["s", "--seeds", "none"], "(='none') must be a whole number from 1 to 100,000 or `all`"),
        (
            ["s", "--seeds", "all"],
            "`seeds.model_seed+data_seed+split_seed: all` is for tasks whose pairs `split_seed` draws",
        ),
        (["s", "--seeds", "600"], "study 's_replication' expands to 1,200 runs, more than 1,000"),
        (["s", "--output", "runs/s"], "`--output` (=runs/s) replicates nothing, and this would be the 4 runs of 's'"),
        (["s", "--output", "runs/other"], "`--output` (=runs/other) replicates nothing"),
        (["s", "--output", "s.yaml"], "`--output` (=s.yaml) is a file"),
        (["s", "--output", "/"], "`--output` names the replication, which cannot be called ''"),
    ],
)
def test_a_mistake_is_one_line_code_2_and_nothing_written(call, tmp_path, words, message):
    for seed in ("n14", "n28"):
        add_runs(tmp_path / "runs" / "s", "arithmetic", seed, [arithmetic(1), arithmetic(2)])
    add_runs(tmp_path / "runs" / "other", "arithmetic", "n14", [arithmetic(1)])
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "s.yaml").write_text("settings: {}", encoding="utf-8")
    before = contents(tmp_path)
    result = call("replicate", *words)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert contents(tmp_path) == before


def test_a_study_of_ones_own_data_is_replicated_with_its_rows(call, tmp_path):
    rows = "".join(f"{a}+{b},{a + b}\n" for a in range(1, 10) for b in range(1, 10))
    (tmp_path / "sums.csv").write_text(f"question,answer\n{rows}", encoding="utf-8")
    assert call("prepare", "sums.csv", "--output", "data/sums").exit_code == 0
    assert call("run", "data/sums", "model=n14", "steps=2", "eval_steps=2").exit_code == 0
    report = call("report", "runs/sums").output
    assert "**No model has learned what it read**" in report
    assert "Train longer first: `hf-capacity run data/sums steps=20`." in report
    assert "`hf-capacity run data/sums` runs it again or finishes it" in report

    done = call("replicate", "sums", "--seeds", "2")
    assert done.exit_code == 0, done.output
    seeds = [record["config"] for record in read_records(tmp_path / "runs" / "sums_replication")]
    assert [(one["model_seed"], one["data_seed"], one["split_seed"]) for one in seeds] == [(4, 4, 1337), (5, 5, 1337)]
    again = call("replicate", "sums", "--output", "runs/again", "--dry-run")
    assert "again: 3 runs, 0 done, 3 to do" in again.output
    refused = call("replicate", "sums", "--seeds", "{split_seed: 3}", "--output", "runs/again")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "names split_seed, which draws nothing of a task from elsewhere: name model_seed and" in refused.stderr


def test_a_damaged_original_is_refused(call, tmp_path):
    add_runs(tmp_path / "runs" / "s", "arithmetic", "n14", [arithmetic(1)])
    [record] = (tmp_path / "runs" / "s").glob("*/record.json")
    record.write_text("{", encoding="utf-8")
    result = call("replicate", "s")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
