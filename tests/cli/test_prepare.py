"""From a file of one's own to a plan and a report: `hf-capacity prepare`, then `run` without a YAML."""

import signal

import pytest
from typer.testing import CliRunner

from hf_capacity.cli import app
from hf_capacity.config.study import read_study
from hf_capacity.experiment import run_experiment


TABLE = "question,answer\n" + "".join(f"{a}+{b},{a + b}\n" for a in range(1, 10) for b in range(1, 10))


@pytest.fixture
def call(tmp_path, monkeypatch, cache):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sums.csv").write_text(TABLE, encoding="utf-8")
    handlers = {ending: signal.getsignal(ending) for ending in (signal.SIGINT, signal.SIGTERM)}
    yield lambda *words: CliRunner().invoke(app, [str(word) for word in words])
    for ending, handler in handlers.items():
        signal.signal(ending, handler)


def test_prepare_says_what_it_did_and_run_takes_the_folder(call, tmp_path):
    result = call("prepare", "sums.csv", "--output", "capitals")
    assert result.exit_code == 0, result.output
    for line in (
        "rows: 81 in sums.csv",
        "duplicates: 0, left out",
        "lines: 73 read, such as '1+2 3\\n', asked as '1+2 ' for '3'",
        "withheld: 8 (a share of 0.1, drawn by split seed 1337)",
        "alphabet: 13 characters: '\\n +0123456789'",
        "block size: 7, the longest line",
        "Written: capitals. Next: hf-capacity run capitals",
    ):
        assert line in result.output
    planned = call("run", "capitals/", "--dry-run")  # also the name of a task of ours
    assert planned.exit_code == 0, planned.output
    assert "capitals: 73 lines are read, 8 questions withheld." in planned.output
    assert "capitals: 9 runs, 0 done, 9 to do, in runs/capitals" in planned.output
    [run] = read_study("capitals", ["model=n28", "seeds=1", "steps=10"]).runs()
    assert (run.task.path, run.block_size, run.steps, run.batches) == ("./capitals", 7, 10, "lines")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["capitals", "sums.csv"]


def test_finished_runs_of_a_folder_that_has_changed_since_are_refused(call, tmp_path):
    words = ("run", "sums", "model=n14", "seeds=1", "steps=2", "eval_steps=2")
    call("prepare", "sums.csv", "--output", "sums")
    [run] = read_study("sums", words[2:]).runs()
    run_experiment(run, tmp_path / "runs" / "sums", study="sums")
    assert "1 run, 1 done" in call(*words).output
    (tmp_path / "sums").rename(tmp_path / "before")
    call("prepare", "sums.csv", "--output", "sums", "--split-seed", "2")
    refused = call(*words)
    assert refused.exit_code == 2
    assert "or its text has changed since. Take another `--output` for what sums holds now" in refused.stderr
    assert "1 run, 0 done" in call(*words, "--output", "runs/again", "--dry-run").output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sums.csv", "--output", "there"], "`--output` (=there) is there already"),
        (["sums.csv", "--output", "quick"], "`--output` (=quick) is called as a packaged study"),
        (["sums.csv", "--output", "-x/"], "a study's file names its folder, and '-x' cannot"),
        (["sums.csv", "--output", "made", "--withheld-fraction", "0"], "must withhold at least one of the 81 rows"),
        (["there", "--output", "there"], "`--output` (=there) is there already"),
        (["latin.csv", "--output", "made"], "it is not UTF-8: line 3 has the byte 0xe9"),
    ],
)
def test_a_mistake_is_one_line_code_2_and_nothing_written(call, tmp_path, words, message):
    (tmp_path / "there").mkdir()
    (tmp_path / "latin.csv").write_bytes("prompt,answer\nä,1\n".encode() + "é,1\n".encode("latin-1") + b"\xff\xfe")
    result = call("prepare", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latin.csv", "sums.csv", "there"]


@pytest.mark.parametrize("given", ["empty", "sums.csv"])
def test_what_is_no_task_is_refused_with_what_makes_one(call, tmp_path, given):
    (tmp_path / "empty").mkdir()
    refused = call("run", given)
    assert refused.exit_code == 2
    assert "`hf-capacity prepare` makes a task" in refused.stderr


@pytest.mark.processes
def test_from_a_file_to_a_report(call):
    call("prepare", "sums.csv", "--output", "data/sums")
    done = call("run", "data/sums", "seeds=1", "steps=20", "eval_steps=10", "--workers", "1")
    assert done.exit_code == 0, done.output
    report = call("report", "runs/sums")
    assert report.exit_code == 0
    assert "seen n = 73, withheld n = 8" in report.output
