"""Times counted by hand, and runs that stopped early beside those that did not."""

from hf_capacity.analysis.cells import cells_of
from hf_capacity.analysis.times import delays, times_to_reach, unite_stopped
from hf_capacity.config.experiment import ExperimentConfig


def curve(fit, extrapolation):
    rows = zip(range(0, 10 * len(fit), 10), fit, extrapolation, strict=True)
    return [dict(zip(("step", "fit", "extrapolation"), row, strict=True)) for row in rows]


CURVES = [
    curve([0, 1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1]),  # fit at 10, extrapolation 20 later
    curve([0, 1, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1, 1]),  # fit for good at 30 only: extrapolation came 20 before
    curve([0, 0.99, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1, 1]),  # two evaluations are not enough: watched for 50
    curve([0, 0, 0, 0, 0, 0, 0.98], [0, 0, 0, 0, 0, 0, 0]),  # neither
]


def test_times_are_counted_and_censored():
    assert times_to_reach(CURVES, "fit") == ([10, 30, 10, 60], [True, True, True, False])
    assert times_to_reach(CURVES, "fit").median == 10
    assert times_to_reach(CURVES, "extrapolation") == ([30, 10, 60, 60], [True, True, False, False])
    assert times_to_reach(CURVES, "extrapolation").median == 30


def test_a_delay_is_that_of_the_runs_that_fit():
    found = delays(CURVES)
    assert found == ([20, -20, 50], [True, True, False])
    assert (found.median, found.num_reached) == (20, 2)
    assert delays(CURVES[3:]) == ([], [])
    assert delays(CURVES[3:]).median is None
    assert delays(CURVES[2:]).median is None, "half of the runs or more never get there"


def test_runs_that_stopped_early_are_counted_with_the_others():
    stop_when = {"metric": "fit", "threshold": 1.0}
    config = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 128, "steps": 60}
    records = [
        {
            "config": ExperimentConfig(**config, stop_when=stop_when, model_seed=seed).to_dict(),
            "num_parameters": 1582,
            "last": {"step": step, "counts": {"fit": [1, 1], "extrapolation": [1, 1]}},
        }
        for seed, step in enumerate([30, 60, 40])
    ]
    apart = cells_of(records)
    assert sorted(cell.differs for cell in apart) == ["run=in full", "run=stopped early"]
    [together] = unite_stopped(apart)
    assert (together.num_runs, together.differs) == (3, "")
