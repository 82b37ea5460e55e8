"""What cells say together, of records whose answer is known: the same, the opposite, and too few."""

import itertools

import pytest
from support.made_records import PROMPTS, add_run, add_runs, arithmetic

from hf_capacity.analysis.cells import cells_of, ladders_of
from hf_capacity.analysis.statistics import crossed_bootstrap_interval, wilson_interval
from hf_capacity.report.sections.best_on_withheld import choice_table
from hf_capacity.report.sections.critical_capacity import critical_table
from hf_capacity.report.sections.finding import finding
from hf_capacity.report.sections.in_pairs import paired_table
from hf_capacity.report.sections.timing import timing_table
from hf_capacity.report.sections.withheld_questions import withheld_table
from hf_capacity.runs.records import read_curve, read_records


@pytest.fixture
def study(tmp_path):
    return tmp_path / "s"


def told(study):
    return finding(ladders_of(cells_of(read_records(study))))


def cells_in(study):
    return cells_of(read_records(study))


def curves_in(study):
    return {record["run_id"]: read_curve(record["folder"]) for record in read_records(study)}


def rows(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def add_ladder(study, task, small, large, **settings):
    add_runs(study, task, "n14", small, **settings)
    add_runs(study, task, "n56", large, **settings)


RIGHT, WRONG = [arithmetic(4)] * 5, [arithmetic(0)] * 5
KNOWS, FORGETS = [{"recall": [50, 50]}] * 5, [{"recall": [2, 50]}] * 5


def test_the_studys_outcome_is_told_with_its_counts(study):
    add_ladder(study, "arithmetic", RIGHT, WRONG)
    [paragraph] = told(study)
    assert paragraph == (
        "Trained on arithmetic, extrapolation **falls** with size: n14 (1,582 parameters) gets 1.00 (all alike) of "
        "the withheld equations right over 5 runs, n56 (6,328 parameters) gets 0.00 (all alike) of the withheld "
        "equations "
        # 2 of the 252 ways to deal ten runs to two groups are as far apart
        "right over 5 runs; permutation test, p = 0.0079. Runs with every withheld equation right: n14 5/5 (0.57 to "
        "1.00), n56 0/5 (0.00 to 0.43). The study claims that it falls; these runs agree."
    )


def test_the_opposite_outcome_is_told_as_the_opposite(study):
    add_ladder(study, "arithmetic", WRONG, RIGHT)
    add_ladder(study, "capitals", KNOWS, FORGETS)
    extrapolation, recall = told(study)
    assert "extrapolation **rises** with size" in extrapolation
    assert extrapolation.endswith("The study claims that it falls; these runs **contradict it**.")
    assert "recall **falls** with size" in recall
    assert recall.endswith("The study claims that it rises; these runs **contradict it**.")


def test_of_few_runs_nothing_is_concluded(study):
    add_ladder(study, "arithmetic", RIGHT[:4], WRONG)
    add_ladder(study, "capitals", FORGETS, KNOWS[:1])
    extrapolation, recall = told(study)
    for paragraph in (extrapolation, recall):
        assert "**nothing can be concluded**" in paragraph
        assert "where 5 of each are the least" in paragraph
        assert not {"falls", "rises", "agree"} & set(paragraph.replace("*", "").split())
    assert "4 runs of n14 and 5 runs of n56" in extrapolation
    assert "5 runs of n14 and 1 run of n56" in recall


def test_an_outcome_that_chance_explains_is_left_open(study):
    mixed = [arithmetic(right) for right in (4, 0, 4, 0, 2)]
    add_ladder(study, "arithmetic", mixed, mixed[::-1])
    [paragraph] = told(study)
    assert "whether extrapolation changes with size **cannot be told**" in paragraph
    assert "p = 1" in paragraph
    assert paragraph.endswith("these runs leave it open.")


def test_a_maximum_in_between_is_told(study):
    add_ladder(study, "arithmetic", [arithmetic(1)] * 5, WRONG)
    add_runs(study, "arithmetic", "n28", RIGHT)
    expected = "n28 (3,164) gets 1.00 (all alike) over 5 runs; against the two ends p = 0.0079 and = 0.0079, without a"
    assert f"It is highest in between: {expected}" in told(study)[0]


def test_a_maximum_of_one_run_is_not_tested(study):
    add_ladder(study, "arithmetic", [arithmetic(1)] * 5, WRONG)
    add_runs(study, "arithmetic", "n28", RIGHT[:1])
    assert "It is highest in between: n28 (3,164) gets 1.00 over 1 run. Runs with" in told(study)[0]


@pytest.mark.parametrize(("right", "verdict"), [(0, "none does either: n14 0/5"), (4, "**some do**: n14 5/5")])
def test_joint_runs_that_solve_the_withheld_equations_are_told(study, right, verdict):
    joint = {"fit": [100, 196], "extrapolation": [right, 4], "recall": [9, 50]}
    add_ladder(study, "both", [joint] * 5, [joint] * 5)
    *_, paragraph = told(study)
    assert "the study claims that none of any size gets every withheld equation right" in paragraph
    assert verdict in paragraph
    assert "conclude nothing" not in paragraph


def test_one_size_says_nothing_of_size(study):
    add_runs(study, "arithmetic", "n14", RIGHT)
    assert told(study) == ["There is one size only, so nothing can be said of size."]


def test_runs_with_seeds_and_splits_of_their_own_are_independent_and_crossed_ones_are_not(study):
    add_runs(study, "arithmetic", "n14", [arithmetic(right) for right in (4, 4, 0)])
    table_SP = [[1.0, 0.0, 1.0], [1.0, 0.0, 0.25]]
    for seed, row in enumerate(table_SP, 1):
        for split, value in enumerate(row, 1):
            counts = arithmetic(round(4 * value))
            add_run(study, "arithmetic", "n28", counts, model_seed=seed, data_seed=seed, split_seed=split)
    independent, crossed = cells_in(study)
    assert (independent.is_crossed, crossed.is_crossed) == (False, True)
    assert independent.share(independent.all_right("extrapolation")) == (2, 3, wilson_interval(2, 3))
    assert crossed.mean(crossed.values("extrapolation")).interval == crossed_bootstrap_interval(table_SP)
    # Two seeds cross three splits: tests may count on two.
    assert crossed.units(crossed.values("extrapolation")) == pytest.approx([2 / 3, 1.25 / 3])
    assert independent.units([1, 0, 2]) == [1, 0, 2]
    solved_SP = [[value == 1 for value in row] for row in table_SP]
    assert crossed.share(crossed.all_right("extrapolation")) == (3, 6, crossed_bootstrap_interval(solved_SP))


def test_crossed_runs_do_not_pass_for_independent_ones(study):
    for model, right in (("n14", 4), ("n56", 0)):
        for seed, split in itertools.product((1, 2), range(1, 7)):
            add_run(study, "arithmetic", model, arithmetic(right), model_seed=seed, data_seed=seed, split_seed=split)
    [paragraph] = told(study)
    assert "**nothing can be concluded**" in paragraph
    assert "12 runs (2 independent ones) of n14" in paragraph


def test_interventions_are_compared_in_pairs(study):
    """Eight pairs, of which six gain and two lose as much: 2 x 37 of the 256 ways to flip signs are as far out."""
    without, treated = [0, 0, 0, 0, 0, 0, 4, 4], [4, 4, 4, 4, 4, 4, 0, 0]
    add_runs(study, "arithmetic", "n14", [arithmetic(right) for right in without], weight_decay=0.0)
    add_runs(study, "arithmetic", "n14", [arithmetic(right) for right in treated], weight_decay=0.1)
    fit, extrapolation = rows(paired_table(cells_in(study)))
    sides = ["arithmetic, weight_decay=0.1", "arithmetic, weight_decay=0"]
    assert fit == ["n14", "fit", *sides, "8", "+0.000 (all alike)", "1", "0", "0", "1"]
    assert extrapolation[:6] == ["n14", "extrapolation", *sides, "8", extrapolation[5]]
    assert extrapolation[5].startswith("+0.500 (")
    # 37 = 1 + 8 + 28: none, one or two of eight signs are minus
    assert extrapolation[6:] == [f"{2 * 37 / 256:.2g}", "6", "2", f"{2 * 37 / 256:.2g}"]


def test_only_runs_with_the_same_seeds_are_pairs(study):
    add_runs(study, "arithmetic", "n14", RIGHT)
    add_runs(study, "both", "n14", [{**counts, "recall": [0, 50]} for counts in WRONG[:3]])
    pairs = rows(paired_table(cells_in(study)))
    assert [(row[1], row[2], row[3], row[4]) for row in pairs] == [
        ("fit", "both", "arithmetic", "3"),
        ("extrapolation", "both", "arithmetic", "3"),
    ]


def test_how_much_the_studys_choice_flatters(study):
    for seed, last in ((1, 4), (2, 0), (3, 2)):
        best = {"fit": [196, 196], "extrapolation": [4, 4]}
        add_run(study, "arithmetic", "n14", arithmetic(last), best=best, model_seed=seed)
    [row] = rows(choice_table(cells_in(study)))
    assert row[2:5] == ["3", "1/3 (0.06 to 0.79)", "3/3 (0.44 to 1.00)"]
    assert row[5].startswith("+0.500 (+0.000 to +1.000)")


def test_critical_capacity_lies_between_neighbours_where_sizes_are_few(study):
    for model, right in (("n14", 4), ("n28", 4), ("n56", 0)):
        add_runs(study, "arithmetic", model, [arithmetic(right)] * 2)
    fit, extrapolation = rows(critical_table(cells_in(study)))
    assert fit == ["arithmetic", "fit", "rising", "3", "-", "-", "below 1,582"]
    assert extrapolation == ["arithmetic", "extrapolation", "falling", "3", "-", "-", "3,164 to 6,328"]


def test_when_a_rate_is_reached_counts_three_evaluations_and_censors(study):
    add_runs(study, "arithmetic", "n14", [arithmetic(4)] * 3)
    [cell] = cells_in(study)

    def curve(fit, extrapolation):
        columns = zip(range(0, 80, 10), fit, extrapolation, strict=True)
        return [dict(zip(("step", "fit", "extrapolation"), row, strict=True)) for row in columns]

    always = [0, 1, 1, 1, 1, 1, 1, 1]
    curves = [
        curve(always, [0, 0, 0, 0, 1, 1, 1, 1]),  # fit at 10, extrapolation at 40: 30 later
        curve(always, [0, 1, 1, 0, 0, 1, 1, 1]),  # the two at 10 and 20 do not last; 40 later
        curve(always, [0] * 8),  # never: censored at 70, 60 later
    ]
    runs = dict(zip((record["run_id"] for record in cell.records), curves, strict=True))
    [row] = rows(timing_table([cell], runs))
    assert row[2:] == ["3", "3/3 (0.44 to 1.00)", "10", "2/3 (0.21 to 0.94)", "50", "40"]
    never = rows(timing_table([cell], dict.fromkeys(runs, curves[2])))
    assert never[0][2:] == ["3", "3/3 (0.44 to 1.00)", "10", "0/3 (0.00 to 0.56)", "not reached", "not reached"]


def test_withheld_questions_are_told_one_by_one_where_runs_share_them(study):
    add_runs(study, "arithmetic", "n14", [arithmetic(right) for right in (1, 2, 0)])
    [row] = rows(withheld_table(cells_in(study), curves_in(study)))
    assert row[2:] == ["2/3", "1/3", "0/3", "0/3"]
    assert [f"`{prompt}`" in withheld_table(cells_in(study), curves_in(study)) for prompt in PROMPTS] == [True] * 4
    add_run(study, "arithmetic", "n14", arithmetic(1), prompts=("<1+2=",) * 1, split_seed=9)
    assert withheld_table(cells_in(study), curves_in(study)) == ""
