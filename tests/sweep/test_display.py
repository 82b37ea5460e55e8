"""What is seen while runs are at work: on a narrow terminal and a wide one, and in a file or a notebook."""

import dataclasses
import re

import pytest
from rich.console import Console

from hf_capacity.config.study import read_study
from hf_capacity.sweep.display import Display


RUNS = [dataclasses.replace(run, steps=100) for run in read_study("joint_wide").runs()[:2]]
ROW = {"loss": 0.12345, "fit": 1.0, "extrapolation": 0.6, "recall": 0.99}


@pytest.mark.parametrize(("width", "has_bars"), [(80, False), (140, True)])
def test_a_terminal_shows_every_number_of_every_run(monkeypatch, capsys, width, has_bars):
    for name, value in (("COLUMNS", str(width)), ("FORCE_COLOR", "1")):
        monkeypatch.setenv(name, value)
    display = Display([*RUNS, dataclasses.replace(RUNS[0], model="mlt", model_seed=123456789)])
    for run_id in display.steps:
        display.progress(run_id, 50, ROW)
    Console(width=width, color_system=None).print(display.progress_bars.get_renderable())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for run_id, line in zip(display.steps, lines, strict=True):
        assert len(line) <= width
        assert line.startswith(run_id[:20])
        assert "loss 0.1235  seen 1.00  withheld 0.60  facts 0.99" in line
        assert ("━" in line) is has_bars
        assert ("50%" in line) is not has_bars


@pytest.mark.parametrize(("verbosity", "steps"), [(-1, []), (0, [0, 10, 50]), (1, [0, 5, 10, 15, 50])])
def test_elsewhere_lines_are_as_many_as_were_asked_for(monkeypatch, capsys, verbosity, steps):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    with Display(RUNS, verbosity) as display:
        for step in (0, 5, 10, 15, 50):
            display.progress(RUNS[0].run_id, step, ROW)
            display.progress(RUNS[0].run_id, step + 1, None)
        display.done(RUNS[0].run_id)
        display.failed(RUNS[1].run_id, "a cause")
    said = capsys.readouterr().out
    assert list(map(int, re.findall(r"step (\d+)/100  loss", said))) == steps
    assert ("done (1 of 2)" in said, "FAILED: a cause" in said) == (verbosity >= 0,) * 2
