"""Which settings of a grid make a plane, on grids whose planes can be listed by hand."""

import itertools

import pytest

from hf_capacity.analysis.cells import cells_of
from hf_capacity.analysis.planes import planes_of
from hf_capacity.config.experiment import ExperimentConfig


RATES, DECAYS = [1e-4, 1e-3, 1e-2], [0.0, 0.1, 1.0]


def record(**settings):
    config = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 128} | settings
    config = ExperimentConfig(**config).to_dict()
    counts = {"fit": [196, 196], "extrapolation": [4, 4]}
    return {"config": config, "num_parameters": 113 * config["model"]["n_embd"], "last": {"step": 1, "counts": counts}}


def grid(**axes):
    return [record(**dict(zip(axes, entry, strict=True))) for entry in itertools.product(*axes.values())]


def planes(records):
    return [(plane.x, plane.y, len(plane.cells)) for plane in planes_of(cells_of(records))]


def test_two_numeric_axes_of_three_values_are_a_plane():
    records = grid(learning_rate=RATES, weight_decay=DECAYS)
    assert planes(records) == [(("learning_rate", RATES), ("weight_decay", DECAYS), 9)]
    [plane] = planes_of(cells_of(records))
    config = plane.cells[2, 1].records[0]["config"]
    assert (config["learning_rate"], config["weight_decay"]) == (1e-2, 0.1)


@pytest.mark.parametrize(
    "axes",
    [
        {"learning_rate": RATES[:2], "weight_decay": DECAYS},
        {"learning_rate": RATES, "model_seed": [1, 2, 3]},
        {"learning_rate": RATES, "training_step": ["plain", "fastest"]},
    ],
)
def test_two_values_seeds_and_words_are_no_axis(axes):
    assert planes(grid(**axes)) == []


def test_what_changes_along_with_an_axis_is_part_of_it():
    records = [
        record(learning_rate=rate, min_learning_rate=rate / 10, weight_decay=decay)
        for rate, decay in itertools.product(RATES, DECAYS)
    ]
    assert planes(records) == [(("learning_rate", RATES), ("weight_decay", DECAYS), 9)]
    along_both = [record(learning_rate=rate, weight_decay=decay) for rate, decay in zip(RATES, DECAYS, strict=True)]
    assert planes(along_both) == []


def test_a_plane_is_not_called_by_how_long_its_runs_are_watched():
    records = [
        record(learning_rate=rate, steps=round(10 / rate), eval_steps=100, weight_decay=decay)
        for rate, decay in itertools.product(RATES, DECAYS)
    ]
    assert planes(records) == [(("learning_rate", RATES), ("weight_decay", DECAYS), 9)]
    by_steps = [(("weight_decay", DECAYS), ("steps", [100, 200, 300]), 9)]
    assert planes(grid(steps=[100, 200, 300], eval_steps=[100], weight_decay=DECAYS)) == by_steps


def test_a_default_that_configs_leave_out_is_a_value_too():
    [(x, y, number)] = planes(
        [
            record(batches="lines", lines_per_row=lines, weight_decay=decay)
            for lines, decay in itertools.product([1, 2, 4], DECAYS)
        ]
    )
    assert (x, y, number) == (("lines_per_row", [1, 2, 4]), ("weight_decay", DECAYS), 9)


def test_sizes_go_by_their_number_of_parameters():
    models = ["n14", "n28", {"n_layer": 1, "n_head": 2, "n_embd": 40}]
    [(x, y, number)] = planes(grid(model=models, weight_decay=DECAYS))
    assert (x, y.name, number) == (("number of parameters", [113 * 14, 113 * 28, 113 * 40]), "weight_decay", 9)
    layers_and_widths = [{"n_layer": layers, "n_embd": width} for layers in (1, 2, 3) for width in (8, 16, 32)]
    [(x, y, number)] = planes(grid(model=layers_and_widths))
    # These made-up sizes count widths alone.
    assert (x.name, y.name, number) == ("n_layer", "number of parameters", 9)


def test_a_third_axis_makes_a_plane_for_each_of_its_values():
    by_task = planes(grid(task=["arithmetic", "both"], learning_rate=RATES, weight_decay=DECAYS))
    assert by_task == 2 * [(("learning_rate", RATES), ("weight_decay", DECAYS), 9)]
    by_pair = planes(grid(learning_rate=RATES, weight_decay=DECAYS, max_grad_norm=[0.5, 1.0, 2.0]))
    assert len(by_pair) == 9
    assert {(x.name, y.name) for x, y, _ in by_pair} == set(
        itertools.combinations(["learning_rate", "weight_decay", "max_grad_norm"], 2)
    )


def test_tasks_that_differ_in_a_number_too_are_not_taken_for_an_axis():
    """Each task has a block of its own: that is no axis, for more than a number changes along it."""
    tasks = zip(["arithmetic", "both", "mixture"], [9, 24, 30], strict=True)
    records = [
        record(task=task, block_size=block_size, weight_decay=decay)
        for (task, block_size), decay in itertools.product(tasks, DECAYS)
    ]
    assert planes(records) == []


def test_a_place_without_runs_stays_empty():
    records = grid(learning_rate=[*RATES, 1e-1], weight_decay=[*DECAYS, 2.0])
    assert [number for *_, number in planes(records[:-1])] == [15]
    assert planes(records[:6]) == [], "a value with fewer than three beside it"
