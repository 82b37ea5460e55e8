"""The powers of the delay, of grids whose delays are made from them."""

import itertools

import numpy as np
import pytest
from support.made_records import add_timed_run

from hf_capacity.analysis.delay_law import delay_law
from hf_capacity.analysis.intervals import mean_interval
from hf_capacity.analysis.planes import planes_of
from hf_capacity.report.sections.phase_diagram import delay_law_text, section
from hf_capacity.report.study import read_results


RATES, DECAYS = (1e-3, 2e-3, 4e-3), (0.25, 0.5, 1.0)
STEPS = 6_000


def law_of(folder, delay, seeds=((1, 1), (2, 2)), decays=DECAYS):
    """The law of a study in which runs fit at step 100 and extrapolate so many steps later, or never.

    Args:
        folder: The study's.
        delay: Of learning rate, weight decay and `model_seed`, in steps, or None.
        seeds: Of weights and of the split, of each run of a cell.
        decays: The weight decays.
    """
    for (seed, split), rate, decay in itertools.product(seeds, RATES, decays):
        later = delay(rate, decay, seed)
        reached = {"fit": 100, "extrapolation": None if later is None else 100 + later}
        settings = {"learning_rate": rate, "weight_decay": decay, "steps": STEPS, "eval_steps": 50}
        add_timed_run(folder, "arithmetic", "n14", reached, model_seed=seed, split_seed=split, **settings)
    results = read_results(folder)
    [plane] = planes_of(results.cells)
    return delay_law(plane, results.curves)


def test_an_inverse_law_is_found(tmp_path):
    law = law_of(tmp_path / "s", lambda rate, decay, seed: round(seed * 0.4 / (rate * decay)))
    assert list(law.powers) == ["learning_rate", "weight_decay"]
    for power in law.powers.values():
        assert power.values == pytest.approx([-1, -1], abs=0.03)  # evaluated every 50 steps
    assert law.r_squared > 0.99
    assert (law.num_runs, law.num_left_out) == (18, 0)


def test_each_setting_has_its_own_power(tmp_path):
    law = law_of(tmp_path / "s", lambda rate, decay, seed: 50 * round(0.8 / rate**0.5 / decay))
    assert law.powers["learning_rate"].value == pytest.approx(-0.5, abs=0.03)
    assert law.powers["weight_decay"].value == pytest.approx(-1, abs=0.03)


def test_what_has_no_delay_above_0_is_left_out_and_counted(tmp_path):
    """Of both seeds the runs without decay, the longest delay, which was never seen, and one that is 0."""

    def delay(rate, decay, seed):
        if (rate, decay) == (1e-3, 0.25):
            return None
        return 0 if (rate, decay) == (4e-3, 1.0) else round(0.5 / (rate * max(decay, 0.1)))

    law = law_of(tmp_path / "s", delay, decays=(0.0, *DECAYS))
    assert (law.num_runs, law.num_left_out) == (14, 10)
    assert law.powers["weight_decay"].value == pytest.approx(-1, abs=0.1)


def test_the_interval_is_over_seeds(tmp_path):
    seeds = tuple((seed, seed) for seed in range(1, 6))
    law = law_of(tmp_path / "s", lambda rate, decay, seed: 50 * round(2 / rate / decay ** (seed / 4) / 50), seeds)
    power = law.powers["weight_decay"]
    assert power.values == pytest.approx([-seed / 4 for seed in range(1, 6)], abs=0.05)
    assert power.interval == mean_interval(power.values)
    assert power.value == np.mean(power.values)


def test_crossed_seeds_and_splits_are_no_sample_of_independent_runs(tmp_path):
    crossed = tuple(itertools.product((1, 2), (1, 2, 3)))
    law = law_of(tmp_path / "s", lambda rate, decay, seed: round(seed * 0.4 / (rate * decay)), crossed)
    assert [(len(power.values), power.interval) for power in law.powers.values()] == [(6, None)] * 2


def test_a_seed_with_three_delays_has_no_fit(tmp_path):
    def delay(rate, decay, seed):
        return 500 if seed == 1 or rate == 1e-3 else None

    law = law_of(tmp_path / "s", delay)
    assert (law.num_runs, law.num_left_out) == (9, 9)
    assert law.r_squared is None, "all delays alike"
    assert [power.value for power in law.powers.values()] == pytest.approx([0, 0])
    assert "R2" not in delay_law_text(law).split("Truong")[0]


def test_where_nothing_extrapolates_there_is_no_law(tmp_path):
    assert law_of(tmp_path / "s", lambda rate, decay, seed: None) is None


def test_a_plane_over_other_settings_has_none(tmp_path):
    for norm in (0.5, 0.7, 1.0):
        for decay in DECAYS:
            settings = {"max_grad_norm": norm, "weight_decay": decay, "steps": 1_000, "eval_steps": 50}
            add_timed_run(tmp_path / "s", "arithmetic", "n14", {"fit": 100, "extrapolation": 500}, **settings)
    results = read_results(tmp_path / "s")
    [plane] = planes_of(results.cells)
    assert delay_law(plane, results.curves) is None


def test_the_report_says_it(tmp_path):
    law = law_of(tmp_path / "s", lambda rate, decay, seed: round(seed * 0.4 / (rate * decay)))
    text = section(read_results(tmp_path / "s")).text
    assert text.rstrip().endswith(f"there is none.*\n\n{delay_law_text(law)}")
    assert "`learning_rate` to the power of -" in delay_law_text(law)
    assert "within each seed (n = 2; 18 runs, R2 1.00). " in delay_law_text(law)
    assert "and left out: 0. Truong" in delay_law_text(law)
