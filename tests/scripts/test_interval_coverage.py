"""The simulation that chose the intervals: its page, its criterion, and its rows with what the package really does."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hf_capacity.analysis.intervals import RATE, crossed_interval, mean_interval, share_interval


ROOT = Path(__file__).parents[2]
KEPT = ROOT / "model_cards" / "coverage"
# Candidates were chosen for these together; what is more skew than any losses here chooses nothing.
CHOSEN_TOGETHER = (
    ("k of n",),
    ("rates of four", "rates of many"),
    ("differences",),
    ("unbounded",),
    ("rates of four, crossed", "k of n, crossed"),
    ("unbounded, crossed",),
)


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module


@pytest.fixture(scope="module")
def kept():
    return pd.read_csv(KEPT / "coverage.csv", dtype={"shape": str, "runs": str})


def test_the_page_is_made_from_the_rows(script, kept):
    assert script("interval_coverage").page(kept) == (KEPT / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kinds", CHOSEN_TOGETHER, ids=" and ".join)
def test_what_was_chosen_is_what_the_criterion_chooses(script, kept, kinds):
    coverage = script("interval_coverage")
    verdicts = coverage.verdicts(kept[kept["kind"].isin(kinds)])
    found = verdicts.groupby("candidate").agg(
        {"least coverage": "min", "rows that fall short": "sum", "mean width": "mean"}
    )
    serve = found[found["rows that fall short"] == 0]
    best = serve["mean width"].idxmin() if len(serve) else found["least coverage"].idxmax()
    assert {coverage.CHOSEN[kind] for kind in kinds} == {best}


def test_k_of_n_needs_no_simulation(script, kept):
    found = pd.DataFrame(script("interval_coverage").counts(), columns=kept.columns)
    pd.testing.assert_frame_equal(found, kept[kept["kind"] == "k of n"], atol=5.1e-5)
    # Brown, Cai & DasGupta 2001, Stat. Sci. 16, 101: Wilson's falls short near 0 and 1, Clopper & Pearson's nowhere.
    assert found.loc[found["candidate"] == "Wilson", "coverage"].min() < 0.9
    assert found.loc[found["candidate"] == "Clopper-Pearson", "coverage"].min() >= 0.95


def test_what_was_simulated_is_what_the_package_does(script):
    candidates = script("coverage_candidates")
    rng = np.random.default_rng(0)
    rates, tables = rng.integers(0, 5, size=(20, 6)) / 4, rng.integers(0, 5, size=(20, 2, 6)) / 4
    found = candidates.of_means(rates, RATE)
    assert ends(found["run at the bound"]) == approx([mean_interval(one, RATE) for one in rates], 1e-3)
    assert ends(found["t"]) == approx(np.clip([mean_interval(one) for one in rates], *RATE), 1e-9)
    differences = rates[:10] - rates[10:]
    halves = candidates.of_means(differences, (-1, 1))["half a run"]
    assert ends(halves) == approx([mean_interval(one, (-1, 1)) for one in differences], 0.06)
    assert ends(candidates.of_tables(tables, RATE)["wider"]) == approx(
        [crossed_interval(one, RATE) for one in tables], 2e-3
    )
    assert ends(candidates.of_tables(tables, None)["t"]) == approx([crossed_interval(one) for one in tables], 1e-9)
    assert script("interval_coverage")._of_count("Clopper-Pearson", 1, 6) == share_interval(1, 6)


@pytest.mark.parametrize(("shape", "runs"), [("few", "5"), ("middle", "6")])
def test_rows_of_a_few_hundred_data_sets_agree_with_the_table(script, kept, monkeypatch, shape, runs):
    monkeypatch.setattr(script("coverage_grid"), "NUM_DATA_SETS", 500)
    [row] = [row for row in script("interval_coverage").rows() if row[:3] == ("rates of four", shape, runs)]
    for _, _, _, name, coverage, width in script("interval_coverage").simulate(row):
        expected = one_of(kept, row, name)
        assert coverage == pytest.approx(expected["coverage"], abs=4 * error(expected["coverage"], 500)), name
        assert width == pytest.approx(expected["width"], rel=0.1), name


@pytest.mark.slow
def test_the_packages_intervals_cover_what_the_table_says(script, kept, monkeypatch):
    """Every fifth row once more, with other draws and by the package's own functions."""
    monkeypatch.setattr(script("coverage_grid"), "NUM_DATA_SETS", 2_000)
    monkeypatch.setattr(script("coverage_grid"), "NUM_TABLES", 1_000)
    coverage = script("interval_coverage")
    for number, row in enumerate(coverage.rows()[::5]):
        data = row.draw(np.random.default_rng([1, number]))
        find = crossed_interval if data.ndim == 3 else mean_interval
        low, high = np.array([find(one, row.bounds) for one in data]).T
        covered = np.mean((low <= row.mean + 1e-9) & (row.mean - 1e-9 <= high))
        expected = one_of(kept, row, coverage.CHOSEN[row.kind])
        assert covered == pytest.approx(expected["coverage"], abs=4 * error(expected["coverage"], len(data))), row[:3]
        assert np.mean(high - low) == pytest.approx(expected["width"], rel=0.05, abs=0.01), row[:3]


def ends(found):
    return np.stack(found, axis=1)


def approx(expected, tolerance):
    return pytest.approx(np.array(expected), abs=tolerance)


def one_of(kept, row, name):
    [found] = kept[(kept[["kind", "shape", "runs", "candidate"]] == [*row[:3], name]).all(axis=1)].to_dict("records")
    return found


def error(coverage, num_data_sets):
    """The standard error of a coverage, with one more data set on either side."""
    share = (coverage * num_data_sets + 1) / (num_data_sets + 2)
    return np.sqrt(share * (1 - share) / num_data_sets)
