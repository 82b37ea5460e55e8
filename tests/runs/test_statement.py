"""What a study's folder states, and since when: no slip makes a hypothesis look better than it is."""

from dataclasses import replace

import pytest
import yaml

from hf_capacity.boundary.writing import Damaged
from hf_capacity.config.arms import Arms
from hf_capacity.config.hypotheses import Hypothesis
from hf_capacity.runs.claim import claim_folder, read_arms, read_description
from hf_capacity.runs.statement import find_post_hoc, read_statement


ARMS = Arms.of({"way": {"plain": {}, "lines": {"batches": "lines"}}}, {})
FIRST = Hypothesis(
    name="lines help", rate="fit", expect="higher", smallest_difference=0.2, primary=True,
    compare=({"way": "lines"}, {"way": "plain"}),
)  # fmt: skip
SECOND = Hypothesis(
    name="falls", rate="extrapolation", expect="lower", smallest_difference=0.3, trend={"way": "plain"}
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "s"


def state(folder, *hypotheses, question="Is it so?"):
    claim_folder(folder, "s", "A study.", ARMS, (question, hypotheses))
    return read_statement(folder)


def finish_run(folder, name="run"):
    (folder / name).mkdir()
    (folder / name / "record.json").write_text("{}", encoding="utf-8")


def edit(folder, change):
    content = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))
    change(content)
    (folder / "study.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def post_hoc(statement):
    return [one.name for one in statement.hypotheses if one.is_post_hoc]


def test_what_is_stated_before_the_runs_stays_as_it_was(folder):
    statement = state(folder, FIRST, SECOND)
    assert (statement.question, statement.hypotheses, statement.withdrawn) == ("Is it so?", (FIRST, SECOND), ())
    content = (folder / "study.yaml").read_bytes()
    finish_run(folder)
    assert state(folder, FIRST, SECOND) == statement
    claim_folder(folder, "s")  # as every run does, which knows of no hypotheses
    assert (folder / "study.yaml").read_bytes() == content
    assert (read_description(folder), read_arms(folder)) == ("A study.", ARMS)


def test_what_is_added_or_changed_with_runs_finished_is_post_hoc_and_stays_so(folder):
    state(folder, FIRST)
    assert post_hoc(state(folder, replace(FIRST, smallest_difference=0.1), SECOND)) == []  # no run is finished
    state(folder, FIRST)
    finish_run(folder)
    assert post_hoc(state(folder, FIRST, SECOND)) == ["falls"]
    assert post_hoc(state(folder, FIRST, SECOND, question="Is it, though?")) == ["falls"]
    statement = state(folder, replace(FIRST, smallest_difference=0.1), SECOND)
    assert post_hoc(statement) == ["lines help", "falls"]
    assert statement.withdrawn == ("lines help",)
    assert post_hoc(state(folder, replace(FIRST, smallest_difference=0.15), SECOND)) == ["lines help", "falls"]


def test_what_is_dropped_is_withdrawn_and_back_again_if_it_is_stated_just_as_it_was(folder):
    state(folder, FIRST, SECOND)
    finish_run(folder)
    statement = state(folder, FIRST)
    assert (statement.hypotheses, statement.withdrawn) == ((FIRST,), ("falls",))
    assert state(folder).withdrawn == ("lines help", "falls")
    assert state(folder, SECOND, replace(FIRST, expect="lower")).withdrawn == ("lines help",)
    statement = state(folder, FIRST, SECOND)
    assert (statement.withdrawn, post_hoc(statement)) == ((), [])


def test_what_was_post_hoc_is_not_missed_when_it_goes(folder):
    state(folder, FIRST)
    finish_run(folder)
    state(folder, FIRST, SECOND)
    assert state(folder, FIRST).withdrawn == ()
    assert post_hoc(state(folder, FIRST, SECOND)) == ["falls"]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("stated"),
        lambda content: content["stated"].pop("falls"),
        lambda content: content["stated"]["falls"].pop("digest"),
        lambda content: content["stated"]["falls"].update(finished_runs=0),
        lambda content: content["stated"].update(falls=content["stated"]["lines help"]),
        lambda content: content["stated"].update(falls=3),
        lambda content: content["hypotheses"]["falls"].update(smallest_difference=0.5),
    ],
)
def test_no_slip_in_the_file_takes_the_mark_away(folder, change):
    state(folder, FIRST)
    finish_run(folder)
    state(folder, FIRST, SECOND)
    edit(folder, change)
    assert "falls" in post_hoc(read_statement(folder))
    assert "falls" in post_hoc(state(folder, FIRST, SECOND))


def test_folders_from_before_there_were_hypotheses_state_none(folder):
    claim_folder(folder, "s", "A study.")
    finish_run(folder)
    assert read_statement(folder) == read_statement(folder / "none") == ("", (), ())
    assert post_hoc(state(folder, FIRST)) == ["lines help"]


@pytest.mark.parametrize("text", ["hypotheses: {a: 3}", "hypotheses: [", "hypotheses: {a: {rate: fit}}"])
def test_a_file_that_states_what_is_no_hypothesis_is_damaged(folder, text):
    folder.mkdir()
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Damaged, match="does not say what its study expects"):
        read_statement(folder)


def test_what_would_be_post_hoc_is_known_before_it_is_stated(folder):
    assert find_post_hoc(folder, (FIRST,)) == {}
    state(folder, FIRST)
    assert find_post_hoc(folder, (FIRST, SECOND)) == {}
    finish_run(folder, "one")
    finish_run(folder, "two")
    before = (folder / "study.yaml").read_bytes()
    assert find_post_hoc(folder, (FIRST, SECOND)) == {"falls": 2}
    assert (folder / "study.yaml").read_bytes() == before
    state(folder, FIRST, SECOND)
    finish_run(folder, "three")
    assert find_post_hoc(folder, (FIRST, SECOND)) == {"falls": 2}
