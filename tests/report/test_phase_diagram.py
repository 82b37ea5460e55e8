"""The phase diagram of made-up grids: what is in it, what is counted below it, and when there is none."""

import io

import matplotlib
import numpy as np
import pytest
from PIL import Image
from support.made_records import add_run, add_timed_run, arithmetic

from hf_capacity.analysis.planes import planes_of
from hf_capacity.report.sections.phase_diagram import count_runs, section
from hf_capacity.report.study import read_results


RATES, DECAYS = (1e-3, 3e-3, 1e-2), (0.0, 0.1, 1.0)


def add_grid(study, reached, rates=RATES, decays=DECAYS):
    for rate in rates:
        for decay in decays:
            for seed in (1, 2):
                at = reached(rate, decay)
                seeds = {"model_seed": seed, "split_seed": seed}
                training = {"steps": 1000, "eval_steps": 100, "learning_rate": rate, "weight_decay": decay}
                add_timed_run(study, "arithmetic", "n14", at, **training, **seeds)


def border(rate, decay):
    """No fit at both highest, no extrapolation without decay, else 400 or 100 steps later."""
    if (rate, decay) == (RATES[-1], DECAYS[-1]):
        return {"fit": None, "extrapolation": None}
    return {"fit": 300, "extrapolation": {0.0: None, 0.1: 700, 1.0: 400}[decay]}


@pytest.fixture
def study(tmp_path):
    add_grid(tmp_path / "s", border)
    return tmp_path / "s"


def test_the_caption_counts_the_censored_runs(study):
    text = section(read_results(study)).text
    assert "(phase_diagram.png)" in text
    assert "Of 18 runs\n2 never fit, and 6 fit but never extrapolate" in text


def test_runs_of_several_planes_are_counted_once(study):
    results = read_results(study)
    planes = planes_of(results.cells)
    assert count_runs(planes, results.curves) == count_runs(planes * 2, results.curves) == (18, 2, 6)


def test_the_figure_shows_each_square(study):
    with Image.open(io.BytesIO(section(read_results(study)).figures["phase_diagram.png"])) as image:
        assert (image.format, image.width) == ("PNG", 1400)
        pixels_YX3 = np.asarray(image.convert("RGB")).astype(int)

    def area(color):
        return (abs(pixels_YX3 - color).sum(-1) <= 2).sum()

    # Of nine squares a panel: 8 fit, 5 extrapolate, 3 have the longer delay of the two.
    lowest, highest = (matplotlib.colormaps["cividis"](end, bytes=True)[:3] for end in (0.0, 1.0))
    square = area(highest) / (8 + 5 + 3)
    assert area(lowest) / square == pytest.approx(1 + 4, abs=1.5)
    assert area((239, 239, 239)) / square > 0.5, "the square in which nothing fits"


@pytest.mark.parametrize("axes", [{"rates": RATES[:2]}, {"decays": DECAYS[:1]}])
def test_two_values_are_too_few(tmp_path, axes):
    add_grid(tmp_path / "s", border, **axes)
    assert section(read_results(tmp_path / "s")) is None


def test_more_planes_than_a_person_can_look_at_are_not_drawn(tmp_path):
    for norm in (0.5, 0.7, 1.0, 2.0):
        for rate in RATES:
            for decay in DECAYS:
                settings = {"learning_rate": rate, "weight_decay": decay, "max_grad_norm": norm}
                add_run(tmp_path / "s", "arithmetic", "n14", arithmetic(4), **settings)
    results = read_results(tmp_path / "s")
    assert len(planes_of(results.cells)) == 4 + 3 + 3
    assert section(results) is None
