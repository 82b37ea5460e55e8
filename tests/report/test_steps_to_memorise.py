"""Rules beside their shuffled twins, made up so that the sizes at which their times cross are known."""

import io

import numpy as np
import pytest
from PIL import Image
from support.made_records import add_timed_run
from support.readmes import rows, tables

from hf_capacity.analysis.times import Times
from hf_capacity.analysis.twins import TwinSize, twins_of
from hf_capacity.report.sections.steps_to_memorise import crossing_text, section
from hf_capacity.report.study import read_results


TASK = {"path": "arithmetic", "name": "mod_division"}
TWIN = TASK | {"parameters": {"shuffled_answers": True}}
STOP = {"metric": "recall", "threshold": 1.0}


def add_sizes(study, memorised, generalised, twins=TWIN, **of_twins):
    """For each width two runs of the rule, which fit at 200, and two of its twin."""
    for width in memorised:
        for seed in (1, 2):
            seeds = {"model_seed": seed, "split_seed": seed, "eval_steps": 100}
            model = {"n_embd": width}
            reached = {"fit": 200, "extrapolation": generalised[width]}
            add_timed_run(study, TASK, model, reached, steps=1000, **seeds)
            add_timed_run(study, twins, model, {"recall": memorised[width]}, **{"steps": 2000} | seeds | of_twins)


@pytest.fixture
def study(tmp_path):
    memorised, generalised = {8: None, 16: 1500, 24: 600, 32: 300}, {8: 500, 16: 500, 24: 500, 32: None}
    add_sizes(tmp_path / "s", memorised, generalised, stop_when=STOP)
    return tmp_path / "s"


def test_both_times_and_the_delay_are_in_the_table(study):
    text = section(read_results(study)).text
    assert [row[-7:] for row in rows(tables(text)[0])[1:]] == [
        ["904", "0/2", "not reached", "2/2", "500", "2/2", "300"],
        ["1,808", "2/2", "1,500", "2/2", "500", "2/2", "300"],
        ["2,712", "2/2", "600", "2/2", "500", "2/2", "300"],
        ["3,616", "2/2", "300", "0/2", "not reached", "0/2", "not reached"],
    ]
    assert "steps=1000: T_mem and T_gen cross between 2,712 and 3,616 parameters.\n" in text


def test_the_figure_shows_both_lines(study):
    with Image.open(io.BytesIO(section(read_results(study)).figures["steps_to_memorise.png"])) as image:
        assert (image.format, image.width) == ("PNG", 1400)
        pixels_YX3 = np.asarray(image.convert("RGB")).astype(int)
    for color in ((0, 158, 115), (213, 94, 0)):
        assert (abs(pixels_YX3 - color).sum(-1) <= 12).sum() > 500


def test_two_sizes_or_another_training_are_no_twins(tmp_path):
    add_sizes(tmp_path / "two", {8: 500, 16: 400}, {8: 500, 16: 500})
    add_sizes(tmp_path / "other", dict.fromkeys((8, 16, 24), 500), dict.fromkeys((8, 16, 24), 500), weight_decay=1.0)
    add_sizes(tmp_path / "alone", dict.fromkeys((8, 16, 24), 500), dict.fromkeys((8, 16, 24), 500), twins=TASK)
    for name in ("two", "other", "alone"):
        results = read_results(tmp_path / name)
        assert twins_of(results.cells, results.curves) == []
        assert section(results) is None


def size(memorised, generalised):
    """Of one run each: the step, or "> STEP"."""
    times = (Times([int(str(time).strip("> "))], [isinstance(time, int)]) for time in (memorised, generalised))
    return TwinSize(None, None, *times)


@pytest.mark.parametrize(
    ("memorised", "generalised", "first"),
    [
        (300, 500, True),
        (500, 300, False),
        (500, 500, False),
        (300, "> 1000", True),
        ("> 1000", 300, False),
        (1500, "> 1000", None),  # either may come first
        ("> 1000", 1500, None),
        ("> 1000", "> 1000", None),
    ],
)
def test_censored_times_are_compared_as_far_as_they_were_watched(memorised, generalised, first):
    assert size(memorised, generalised).is_memorised_first is first


@pytest.mark.parametrize(
    ("memorised", "generalised", "words"),
    [
        ([100] * 3, [500] * 3, "T_mem is the shorter at every size at which the two can be compared"),
        ([500] * 3, [100] * 3, "T_gen is the shorter at every size at which the two can be compared"),
        ([None] * 3, [None] * 3, "T_mem and T_gen can be compared at no size"),
        ([500, 100, 500], [300] * 3, "T_mem and T_gen cross between 904 and 1,808, and between 1,808 and 2,712 param"),
        ([500, None, 100], [300, None, 300], "T_mem and T_gen cross between 904 and 2,712 parameters"),
    ],
)
def test_crossings_in_words(tmp_path, memorised, generalised, words):
    widths = (8, 16, 24)
    by_width = (dict(zip(widths, times, strict=True)) for times in (memorised, generalised))
    add_sizes(tmp_path / "s", *by_width, steps=1000)
    results = read_results(tmp_path / "s")
    [twins] = twins_of(results.cells, results.curves)
    assert crossing_text(twins).startswith(f"Trained on arithmetic (mod division): {words}")
