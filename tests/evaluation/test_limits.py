"""`evaluate` asked for a part of the questions, or for few at a time."""

import pytest

from hf_capacity import evaluate_model


def test_a_limit_asks_the_first_of_each_rate_and_says_so(half_trained, call):
    model = half_trained["arithmetic"]
    whole = evaluate_model(model, all_answers=True)
    assert "asked" not in whole
    part = evaluate_model(model, all_answers=True, limit=3)
    first = [row for seen in (True, False) for row in [row for row in whole["answers"] if row["seen"] is seen][:3]]
    assert sorted(part["answers"], key=str) == sorted(first, key=str)
    assert part["asked"] == [6, len(whole["answers"])]
    assert part["counts"]["fit"] == [sum(row["right"] for row in first if row["seen"]), 3]
    assert part["counts"]["extrapolation"][1] == 3
    said = call("evaluate", model, "--limit", 3).output
    assert f"Asked: 6 of {len(whole['answers'])} questions, the first of each rate, as `--limit` says." in said


@pytest.mark.parametrize("option", ["--limit", "--batch-size"])
def test_less_than_one_is_refused(half_trained, call, option):
    refused = call("evaluate", half_trained["arithmetic"], option, 0)
    assert (refused.exit_code, refused.stderr) == (2, f"Error: `{option}` (=0) must be 1 or more.\n")


def test_few_at_a_time_get_the_same_answers(half_trained):
    model = half_trained["capitals"]
    whole, by_sevens = (evaluate_model(model, all_answers=True, batch_size=size) for size in (None, 7))
    assert by_sevens == whole
