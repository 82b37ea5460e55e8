"""What cells say together, of records whose answer is known: the same, the opposite, and too few."""

import itertools
import re

import pytest
from scipy.stats import beta
from support.made_records import PROMPTS, add_run, add_runs, arithmetic

from hf_capacity.analysis.cells import cells_of, ladders_of
from hf_capacity.analysis.intervals import RATE, crossed_interval, share_interval
from hf_capacity.report.sections.best_on_withheld import choice_table
from hf_capacity.report.sections.critical_capacity import critical_table
from hf_capacity.report.sections.finding import finding, levels
from hf_capacity.report.sections.in_pairs import paired_table
from hf_capacity.report.sections.size_comparisons import size_table
from hf_capacity.report.sections.timing import timing_table
from hf_capacity.report.sections.withheld_questions import withheld_table
from hf_capacity.runs.records import read_curve, read_records


@pytest.fixture
def study(tmp_path):
    return tmp_path / "s"


def cells_in(study):
    return cells_of(read_records(study))


def sentences(study):
    return finding(cells_in(study))


def sizes(study):
    return rows(size_table(ladders_of(cells_in(study))))


def curves_in(study):
    return {record["run_id"]: read_curve(record["folder"]) for record in read_records(study)}


def rows(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def add_ladder(study, task, small, large, **settings):
    add_runs(study, task, "n14", small, **settings)
    add_runs(study, task, "n56", large, **settings)


RIGHT, WRONG = [arithmetic(4)] * 6, [arithmetic(0)] * 6
KNOWS, FORGETS = [{"recall": [50, 50]}] * 6, [{"recall": [2, 50]}] * 6


def test_the_papers_outcome_is_reported_with_its_counts(study):
    add_ladder(study, "arithmetic", RIGHT, WRONG)
    assert sentences(study) == [
        "Extrapolation **falls** with size, as the paper claims: trained on arithmetic, n14 (1,582 parameters) gets "
        "1.00 (0.54 to 1.00) of the withheld equations right, n56 (6,328) 0.00 (0.00 to 0.46), 6 runs each, a "
        "difference of -1.000 (-1.000 to -0.339)."
    ]
    ends = ["n14 (1,582): 1.00 (0.54 to 1.00), n = 6", "n56 (6,328): 0.00 (0.00 to 0.46), n = 6"]
    assert sizes(study) == [["arithmetic", "extrapolation", *ends, "-1.000 (-1.000 to -0.339)", "falls", "falls"]]
    # Twice a count less 1: Jeffreys's interval of 6/6, stretched to -1 and 1.
    assert 2 * beta(6.5, 0.5).ppf(0.025) - 1 == pytest.approx(0.339, abs=5e-4)


def test_the_opposite_outcome_is_reported_as_the_opposite(study):
    add_ladder(study, "arithmetic", WRONG, RIGHT)
    add_ladder(study, "capitals", KNOWS, FORGETS)
    extrapolation, recall = sentences(study)
    assert extrapolation.startswith(
        "Extrapolation **rises** with size, **against the paper's claim**: trained on arit"
    )
    assert recall.startswith("Recall **falls** with size, **against the paper's claim**: trained on capitals, n14")
    assert [row[-2:] for row in sizes(study)] == [["rises", "falls"], ["falls", "rises"]]


def test_of_few_runs_their_trend_is_shown_and_nothing_concluded(study):
    add_ladder(study, "arithmetic", RIGHT[:4], WRONG)
    add_ladder(study, "capitals", FORGETS, KNOWS[:1])
    assert sentences(study) == [
        "Extrapolation **falls** from 1.00 at n14 (1,582 parameters) to 0.00 at n56 (6,328) when trained on "
        "arithmetic.",
        "Recall **rises** from 0.04 at n14 (1,582 parameters) to 1.00 at n56 (6,328) when trained on capitals.",
    ]
    assert [(row[2][-1], row[3][-1], *row[4:6]) for row in sizes(study)] == [
        ("4", "6", "-1.000", "too few runs"),
        ("6", "1", "+0.960", "too few runs"),
    ]


def test_an_outcome_that_chance_explains_is_left_open(study):
    mixed = [arithmetic(right) for right in (4, 0, 4, 0, 2)]
    add_ladder(study, "arithmetic", mixed, mixed[::-1])
    [sentence] = sentences(study)
    assert sentence.startswith(
        "It remains **open** whether extrapolation changes with size when trained on arithmetic"
    )
    assert re.search(r"5 runs each, a difference of \+0\.000 \(-0\.\d+ to \+0\.\d+\)\)\.$", sentence)
    assert sizes(study)[0][-2:] == ["open", "falls"]


def test_a_maximum_in_between_is_found(study):
    add_ladder(study, "arithmetic", [arithmetic(1)] * 12, WRONG * 2)
    add_runs(study, "arithmetic", "n28", RIGHT * 2)
    mean, *differences = sizes(study)[0][5:8]
    assert mean == "n28 (3,164): 1.00 (0.74 to 1.00), n = 12"
    assert re.fullmatch(r"\+0\.750 \(\+0\.\d+ to \+0\.\d+\)", differences[0])
    assert differences[1] == f"+1.000 ({2 * beta(12.5, 0.5).ppf(0.025) - 1:+.3f} to +1.000)"
    assert sentences(study)[0] == (
        "Trained on arithmetic, extrapolation is **highest in between**: 1.00 (0.74 to 1.00) at n28 (3,164 "
        f"parameters), 12 runs, which is {' and '.join(differences)} against the two ends, uncorrected for its being "
        "picked."
    )


def test_ends_that_do_not_differ_and_a_size_above_both_are_a_peak(study):
    add_ladder(study, "arithmetic", WRONG * 2, WRONG * 2)
    assert sizes(study)[0][-2:] == ["open", "falls"]
    add_runs(study, "arithmetic", "n28", RIGHT * 2)
    assert sizes(study)[0][-2:] == ["peaks", "falls"]


def test_of_a_maximum_of_one_run_nothing_is_said(study):
    add_ladder(study, "arithmetic", [arithmetic(1)] * 6, WRONG)
    add_runs(study, "arithmetic", "n28", RIGHT[:1])
    assert not any("in between" in sentence for sentence in sentences(study))
    assert sizes(study)[0][5:8] == ["n28 (3,164): 1.00, n = 1", "+0.750", "+1.000"]


@pytest.mark.parametrize(("right", "here", "trend"), [(0, "none of 12 runs here does", "none does"),
                                                      (4, "12 of 12 runs here **do**", "some do")])  # fmt: skip
def test_joint_runs_that_solve_the_withheld_equations_are_counted(study, right, here, trend):
    joint = {"fit": [100, 196], "extrapolation": [right, 4], "recall": [9, 50]}
    add_ladder(study, "both", [joint] * 6, [joint] * 6)
    claim = "The paper claims that no joint model of any size gets every withheld equation right; "
    assert sentences(study)[0].startswith(f"{claim}{here}")
    share = {0: "0/6 (0.00 to 0.46)", 4: "6/6 (0.54 to 1.00)"}[right]
    ends = [f"n14 (1,582): {share}", f"n56 (6,328): {share}"]
    assert sizes(study)[-1] == ["both", "all withheld right", *ends, "-", trend, "none does"]


def test_one_size_says_nothing_of_size(study):
    add_runs(study, "arithmetic", "n14", RIGHT)
    assert sentences(study) == []
    assert sizes(study) == []
    assert levels(cells_in(study), curves_in(study)) == [
        "n14 trained on arithmetic: fit 1.00 (0.54 to 1.00), extrapolation 1.00 (0.54 to 1.00); 6 runs."
    ]


def test_models_of_one_size_are_no_sizes(study):
    for heads, right in ((1, 0), (2, 4)):
        model = {"n_layer": 1, "n_head": heads, "n_embd": 14}
        add_runs(study, "arithmetic", model, [arithmetic(right)] * 6)
    assert [len(ladder.cells) for ladder in ladders_of(cells_in(study))] == [1, 1]
    assert sizes(study) == []


def test_comparisons_that_agree_are_one_sentence_and_open_ones_another(study):
    for weight_decay in (0.0, 0.1, 1.0):
        large = WRONG if weight_decay < 1 else RIGHT
        add_ladder(study, "arithmetic", RIGHT, large, weight_decay=weight_decay)
    differ, falls, still_open = sentences(study)
    assert falls.startswith(
        "Extrapolation **falls** with size in 2 of 3 comparisons, as the paper claims; most when trained on "
        "arithmetic, weight_decay=0, n14"
    )
    assert differ == (
        "Settings differ in extrapolation in 1 of 4 paired comparisons, by +1.000 (+0.339 to +1.000) in "
        "extrapolation: n56 trained on arithmetic, weight_decay=1 against arithmetic, weight_decay=0."
    )
    assert still_open == "It remains **open** whether extrapolation changes with size in 1 of 3 comparisons."
    assert len(sizes(study)) == 3


def test_a_finding_has_at_most_five_sentences(study):
    joint = {"fit": [196, 196], "extrapolation": [4, 4], "recall": [0, 50]}
    for dropout in (0.0, 0.1):
        for model, extrapolation, recall in (("n14", 2, 0), ("n28", 4, 40), ("n56", 0, 20)):
            counts = {**joint, "extrapolation": [extrapolation if not dropout else 2, 4], "recall": [recall, 50]}
            add_runs(study, "both", {"name": model, "dropout": dropout}, [counts] * 20)
    found = sentences(study)
    assert len(found) == 5
    assert found[0].startswith("The paper claims")
    assert found[0].endswith(", and by the pre-registered criterion, **no run is rescued**.")
    assert found[-1].startswith("It remains **open**")


def test_runs_with_seeds_and_splits_of_their_own_are_independent_and_crossed_ones_are_not(study):
    add_runs(study, "arithmetic", "n14", [arithmetic(right) for right in (4, 4, 0, 0, 4)])
    table_SP = [[1.0, 0.0, 1.0, 0.5, 0.0], [1.0, 0.0, 0.25, 0.25, 0.0]]
    for seed, row in enumerate(table_SP, 1):
        for split, value in enumerate(row, 1):
            counts = arithmetic(round(4 * value))
            add_run(study, "arithmetic", "n28", counts, model_seed=seed, data_seed=seed, split_seed=split)
    independent, crossed = cells_in(study)
    assert (independent.is_crossed, crossed.is_crossed) == (False, True)
    assert independent.share(independent.all_right("extrapolation")) == (3, 5, share_interval(3, 5))
    assert crossed.mean(crossed.values("extrapolation")).interval == crossed_interval(table_SP, RATE)
    # Two seeds cross five splits: tests may count on two.
    assert crossed.units(crossed.values("extrapolation")) == pytest.approx([2.5 / 5, 1.5 / 5])
    assert independent.units([1, 0, 2, 0, 0]) == [1, 0, 2, 0, 0]
    solved_SP = [[value == 1 for value in row] for row in table_SP]
    assert crossed.share(crossed.all_right("extrapolation")) == (3, 10, crossed_interval(solved_SP, RATE))


def test_crossed_runs_do_not_pass_for_independent_ones(study):
    for model, right in (("n14", 4), ("n56", 0)):
        for seed, split in itertools.product((1, 2), range(1, 7)):
            add_run(study, "arithmetic", model, arithmetic(right), model_seed=seed, data_seed=seed, split_seed=split)
    assert "n = 12 (2 seeds x 6 splits)" in sizes(study)[0][2]
    assert "12 (2 seeds x 6 splits) runs each" in sentences(study)[0]


def test_interventions_are_compared_in_pairs(study):
    """Eight pairs, of which six gain and two lose as much."""
    without, treated = [0, 0, 0, 0, 0, 0, 4, 4], [4, 4, 4, 4, 4, 4, 0, 0]
    add_runs(study, "arithmetic", "n14", [arithmetic(right) for right in without], weight_decay=0.0)
    add_runs(study, "arithmetic", "n14", [arithmetic(right) for right in treated], weight_decay=0.1)
    [[model, *sides, pairs, fit, extrapolation, only_of, only_against]] = rows(paired_table(cells_in(study)))
    assert (model, pairs, only_of, only_against) == ("n14", "8", "6", "2")
    assert sides == ["arithmetic, weight_decay=0.1", "arithmetic, weight_decay=0"]
    assert fit.startswith("+0.000 (-0.")
    # The gains are twice a count less 1, and the interval of that is Jeffreys's of 6/8.
    low, high = 2 * beta(6.5, 2.5).ppf((0.025, 0.975)) - 1
    assert extrapolation == f"+0.500 ({low:+.3f} to {high:+.3f})"
    assert sentences(study)[0].startswith("It remains **open** whether settings change extrapolation, in 1 paired")


def test_only_runs_with_the_same_seeds_are_pairs_and_a_few_are_listed(study):
    add_runs(study, "arithmetic", "n14", RIGHT)
    add_runs(study, "both", "n14", [{**counts, "recall": [0, 50]} for counts in [arithmetic(2), *WRONG[:2]]])
    assert rows(paired_table(cells_in(study))) == [
        ["n14", "both", "arithmetic", "3", "+0.000 (all alike)", "-0.833 (-0.500, -1.000, -1.000)", "0", "3"]
    ]


def test_how_much_the_papers_choice_flatters(study):
    for seed, last in ((1, 4), (2, 0), (3, 2)):
        best = {"fit": [196, 196], "extrapolation": [4, 4]}
        add_run(study, "arithmetic", "n14", arithmetic(last), best=best, model_seed=seed)
    [row] = rows(choice_table(cells_in(study)))
    assert row[2:5] == ["3", "1/3", "3/3"]
    assert row[5].startswith("+0.500 (+0.000, +1.000, +0.500)")


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
    assert row[2:] == ["3", "3/3", "10", "2/3", "50", "40"]
    never = rows(timing_table([cell], dict.fromkeys(runs, curves[2])))
    assert never[0][2:] == ["3", "3/3", "10", "0/3", "not reached", "not reached"]


def test_withheld_questions_are_listed_one_by_one_where_runs_share_them(study):
    add_runs(study, "arithmetic", "n14", [arithmetic(right) for right in (1, 2, 0)])
    [row] = rows(withheld_table(cells_in(study), curves_in(study)))
    assert row[2:] == ["2/3", "1/3", "0/3", "0/3"]
    assert [f"`{prompt}`" in withheld_table(cells_in(study), curves_in(study)) for prompt in PROMPTS] == [True] * 4
    add_run(study, "arithmetic", "n14", arithmetic(1), prompts=("<1+2=",) * 1, split_seed=9)
    assert withheld_table(cells_in(study), curves_in(study)) == ""
