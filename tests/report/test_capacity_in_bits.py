"""Capacity in bits and the figure of memorised bits, of made records whose maxima are counted by hand."""

import json

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from support.made_records import add_run

from hf_capacity.analysis.cells import cells_of
from hf_capacity.report import write_report
from hf_capacity.report.sections.capacity_in_bits import (
    capacities,
    capacity_caption,
    capacity_slope,
    capacity_table,
    claims_of_capacity,
)
from hf_capacity.report.sections.memorised_bits import _labels, section
from hf_capacity.report.study import read_results
from hf_capacity.runs.records import read_records


STRINGS = {"recall": [4, 50]}


FACTS = {"path": "facts", "name": "people"}


def add_strings(study, number, memorised, model="n14", seed=1, converged=True, task=None, more=0.0, **settings):
    """A run on so many strings, or other items, of 10 bits each, and `more` in all; n14 has 1,582 parameters."""
    items = {"num_keys": number} if task else {"num_strings": number}
    task = (task or {"path": "random_strings", "name": "tiny"}) | {"parameters": items}
    seeds = {"model_seed": seed, "data_seed": seed, "split_seed": seed}
    folder = add_run(study, task, model, STRINGS, **seeds, **settings)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    record["bits"] = {
        "estimator": "random strings" if "num_strings" in items else "facts with given keys",
        "source": "x", "demanded": 10.0 * number + more, "raw": memorised,
        "memorised": memorised, "per_parameter": memorised / record["num_parameters"], "items": number,
        "exposures_per_item": 70.0, "converged": converged, "first_symbols": 1.0,
    }  # fmt: skip
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")


@pytest.fixture
def study(tmp_path):
    """Of 100, 1,000 and 10,000 strings; of the two seeds the first memorises most of 1,000, the second of 10,000."""
    for seed, memorised in ((1, (900, 3164, 1582)), (2, (900, 1582, 6328))):
        for number, bits in zip((100, 1000, 10_000), memorised, strict=True):
            add_strings(tmp_path / "s", number, bits, seed=seed, converged=number < 10_000)
    return tmp_path / "s"


def found_in(study):
    return capacities(cells_of(read_records(study)))


def rows(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def test_capacity_is_the_mean_over_runs_of_the_most_memorised(study):
    # The maxima are 3,164 and 6,328 bits, 2 and 4 a parameter.
    [row] = rows(capacity_table(found_in(study)))
    assert row[:5] == ["n14", "1,582", "2", "100 to 10,000 strings", "1,000, 10,000"]
    assert row[5:] == ["4,746 (3,164, 6,328)", "3.00 (2.00, 4.00)", "1/2"]


def test_a_seed_that_lacks_a_demand_is_left_out(study):
    add_strings(study, 1000, 9000, seed=3)
    assert found_in(study)[0].best.num_runs == 2


def test_seeds_that_differ_a_little_in_their_demand_have_the_same_one(tmp_path):
    # As shuffled answers do: which of them are drawn is the seed's.
    for seed in (1, 2):
        for number in (100, 1000):
            add_strings(tmp_path / "s", number, 5 * number, seed=seed, more=0.25 * seed)
    [capacity] = found_in(tmp_path / "s")
    assert capacity.best.num_runs == 2
    assert capacity.items == [100, 1000]
    assert capacity.demanded == pytest.approx(10_000.375)


def test_a_filled_demand_bounds_from_below_only(study):
    assert "lower bound" not in capacity_caption(found_in(study))
    for number in (100, 200):
        add_strings(study, number, 9.5 * number, model="n28")
    caption = capacity_caption(found_in(study))
    assert "3.6 bits per parameter in bfloat16, 3.83 in float32 on average, 2.86 to 4.23" in caption
    assert "For n28 the capacity is only a lower bound" in caption


def test_what_differs_in_more_than_the_demand_is_no_single_size(tmp_path):
    for number, weight_decay in ((100, 0.0), (200, 0.1)):
        add_strings(tmp_path / "s", number, 50, weight_decay=weight_decay)
    assert found_in(tmp_path / "s") == []
    for number, weight_decay in ((200, 0.0), (100, 0.1)):
        add_strings(tmp_path / "s", number, 50, weight_decay=weight_decay)
    assert [one.differs for one in found_in(tmp_path / "s")] == ["weight_decay=0", "weight_decay=0.1"]


def test_facts_are_a_yardstick_of_their_own_by_exposures_and_grow_with_size(tmp_path):
    study = tmp_path / "s"
    for exposures, per_parameter in ((100, 1.0), (1000, 2.0)):
        for model, size in (("n14", 1582), ("n28", 3164), ("n56", 6328)):
            for number in (500, 6000):
                bits = per_parameter * size * (1.0 if number == 6000 else 0.5)
                add_strings(study, number, bits, model, task=FACTS, exposures=exposures, batches="lines")
    for number in (100, 200):
        add_strings(study, number, 5 * number)
    cells = cells_of(read_records(study))
    found = capacities(cells)
    assert [one.estimator for one in found] == ["random strings", *["facts with given keys"] * 6]
    texts = [claim.text for claim in claims_of_capacity(cells)]
    assert len(texts) == 3
    assert "per parameter (exposures=100): 1.00 at n14 (1,582 parameters) and 1.00 at n56" in texts[1]
    assert "over 3 sizes, capacity grows by 2.00 (2.00 to 2.00) bits a parameter" in texts[2]
    assert "strings or facts" in capacity_caption(found)
    assert "and 1 at 100" in capacity_caption(found)
    assert rows(capacity_table(found))[1][4:6] == ["500 to 6,000 facts", "6,000"]


def test_models_that_hold_nothing_have_a_slope_without_an_interval(tmp_path):
    for model in ("n14", "n28", "n56"):
        for number in (500, 6000):
            add_strings(tmp_path / "s", number, 0, model)
    assert capacity_slope(found_in(tmp_path / "s")) == "0.00 (all alike)"


def test_the_page_has_capacities_where_there_were_several_demands(study, tmp_path):
    page = write_report(study).read_text(encoding="utf-8")
    assert "### Capacity\n\n| model |" in page
    assert "<h3>Capacity</h3>" in (study / "report.html").read_text(encoding="utf-8")
    add_strings(tmp_path / "one", 100, 50)
    assert "### Capacity" not in write_report(tmp_path / "one").read_text(encoding="utf-8")


def test_the_figures_legend_names_demands_shortly(study):
    series = {cell.title: [cell] for cell in cells_of(read_records(study))}
    assert set(_labels(series).values()) == {
        "100 strings, 1,000 bits", "1,000 strings, 10,000 bits", "10,000 strings, 100,000 bits",
    }  # fmt: skip
    add_strings(study, 100, 50, weight_decay=0.1)  # of the same demand as others: what sets it apart has to tell
    series = {cell.title: [cell] for cell in cells_of(read_records(study))}
    assert set(_labels(series).values()) == {
        "num_strings=100, weight_decay=0", "num_strings=100, weight_decay=0.1",
        "num_strings=1000, weight_decay=0", "num_strings=10000, weight_decay=0",
    }  # fmt: skip


def test_what_memorised_nothing_is_counted_and_in_no_legend(study, monkeypatch):
    add_strings(study, 200, 0)
    labels = []
    monkeypatch.setattr(Figure, "legend", lambda figure, handles, **_: labels.extend(map(Line2D.get_label, handles)))
    text = section(read_results(study)).text
    assert "1 of 4 cells memorised nothing, which a logarithmic axis does not\nshow" in text
    assert labels == [
        "100 strings, 1,000 bits",
        "1,000 strings, 10,000 bits",
        "10,000 strings, 100,000 bits",
        "3.6 bits per parameter (Morris et al. 2025)",
        "dotted: demanded",
    ]
