"""Names on the Hub: no two cells share one, no plan takes another's place, and none says where a folder lay."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from support.hub_terminal import Terminal
from support.loopback.hub import LoopbackHub
from support.made_records import ARITHMETIC, BOTH, add_run

from dataset_builders import TASKS
from hf_capacity.analysis.cells import cells_of
from hf_capacity.boundary.writing import short_digest
from hf_capacity.config.arms import Arms
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment
from hf_capacity.hub import contents, study_repositories
from hf_capacity.hub.card_parts import published_dataset
from hf_capacity.hub.cards import checkpoint_card, ladder_card, model_card
from hf_capacity.hub.contents import addresses
from hf_capacity.hub.dataset import benchmark, dataset_repository
from hf_capacity.hub.published_runs import published_runs
from hf_capacity.hub.repository import PublishError, distinct_names, repository_name
from hf_capacity.runs.kept import load_records
from hf_capacity.runs.originals import plan_digest
from hf_capacity.runs.records import read_records, record_text
from hf_capacity.runs.schema import with_digest


PUBLISHED = Path(__file__).parents[2] / "model_cards" / "too_big_to_think"


def test_no_two_names_are_one_on_the_hub():
    tasks = [
        "sums a",
        "sums-a",
        "sums  a",
        "Sums-a",
        "データ",
        "数据",
        "...",
        "---",
        "é",
        "e\u0301",
        "a.git",
        "x" * 97,
        "x" * 98,
    ]
    names = distinct_names([repository_name("s", task, "n14") for task in tasks], tasks)
    assert len({name.lower() for name in names}) == len(tasks)
    assert repository_name("s", "sums-a", "n14") == "s-sums-a-n14"
    assert len({repository_name(task) for task in tasks} - {""}) == len(tasks)


@pytest.mark.parametrize("name", ["", "a b", "a--b", "a..b", "-a", "a.git", "é", "a/b", "x" * 97])
@pytest.mark.parametrize("option", ["--name", "--namespace"])
def test_a_name_that_the_hub_does_not_take_is_refused_and_not_changed(name, option):
    given = {"--name": ("ada", name), "--namespace": (name, None)}[option]
    if given == ("ada", ""):
        return  # as if it were left out
    with pytest.raises(ValueError, match=f"`{option}` .* is no name on the Hub"):
        dataset_repository("arithmetic", *given)


def test_a_name_that_somebody_gave_may_be_as_long_as_the_hub_takes_it():
    assert dataset_repository("arithmetic", "ada", "x" * 96).repo_id == f"ada/{'x' * 96}"


def test_a_plan_is_known_by_its_runs_alone():
    assert plan_digest(["b", "a"]) == plan_digest(["a", "b"]) != plan_digest(["a"])


@pytest.mark.parametrize(
    ("path", "source", "dataset"),
    [
        ("mixture", None, "ada/both"),
        ("arithmetic", "packaged", "ada/arithmetic"),
        ("arithmetic", "folder", None),
        ("data/sums", None, None),
        ("data/sums", "folder", None),
        ("data/sums", "hub", "data/sums"),
        ("squad", "hub", "squad"),
    ],
)
def test_a_task_is_linked_where_the_record_says_what_it_is(path, source, dataset):
    assert published_dataset({"config": {"task": {"path": path}}, "task_source": source}, "ada") == dataset


def test_a_folders_place_is_in_no_name_and_in_no_table(tmp_path):
    for place in ("/home/ada/secret/sums", "/home/bob/secret/sums", "C:\\\\ada\\\\secret\\\\sums", "~/secret/sums"):
        add_run(tmp_path, place, "n14", ARITHMETIC)
    cells = cells_of(read_records(tmp_path))
    names = [address.repo_id for address in addresses("s", cells, "ada")]
    assert len(cells) == len(set(names)) == 4
    assert not [name for name in (*names, *(cell.title for cell in cells)) if "secret" in name]
    assert not [cell for cell in cells if "secret" in contents._run_name(cell)]


def test_repositories_go_by_the_arms_of_their_study(tmp_path):
    grid = {"way": {"plain": {}, "rule first": {"curriculum": "rule_first"}}}
    for curriculum in (None, "rule_first"):
        add_run(tmp_path, "both", "n28", BOTH, curriculum=curriculum)

    def names(grid, study="rescue"):
        cells = cells_of(read_records(tmp_path), Arms.of(grid, {}))
        return [address.repo_id.removeprefix("ada/") for address in addresses(study, cells, "ada")]

    assert names(grid) == ["rescue-plain-n28", "rescue-rule-first-n28"]
    assert names(grid | {"model": {"a large one": "n28"}})[1] == "rescue-rule-first-a-large-one"
    add_run(tmp_path, "arithmetic", "n28", ARITHMETIC)  # of which the arms do not say that it is another task
    assert names(grid)[0] == "rescue-arithmetic-plain-n28"
    add_run(tmp_path, "both", "n28", BOTH, curriculum="rule_first", steps=99)  # an override's
    assert any(re.fullmatch(r"rescue-both-rule-first-n28-steps-99-[0-9a-f]{8}", name) for name in names(grid))
    for found in (names(grid, study="x" * 60), names({}, study="x" * 90), names({"way": {"é" * 40: {}}})):
        assert max(map(len, found)) <= 60
        assert len(set(found)) == 4


def test_the_card_of_a_study_answers_first():
    cells = cells_of(load_records(PUBLISHED))
    rungs = addresses("s", cells, "ada")
    assert "## The answer" not in ladder_card(cells, rungs, "")
    card = ladder_card(cells, rungs, "", ["**lines help** (primary, *post hoc*) stays **open**."])
    assert "## The answer\n\n- **lines help** (primary, *post hoc*) stays **open**.\n\n## What else the runs" in card


def test_a_licence_a_language_and_a_paper_of_ours_are_those_of_our_tasks_alone():
    def cards(source, path):
        record = next(run for run in load_records(PUBLISHED) if run["config"]["task"]["path"] == "arithmetic")
        config = record["config"] | {"task": record["config"]["task"] | {"path": path}}
        cells = cells_of([record | {"config": config, "task_source": source}])
        [address] = addresses("s", cells, "ada")
        row = record["last"]
        yield model_card(cells[0], 0, address)
        yield checkpoint_card(cells[0], 0, 10, row, address)
        yield ladder_card(cells, [address], "")

    words = ("license: apache-2.0", "language:", "arxiv:2506.09099")
    assert all(word in card for card in cards("packaged", "arithmetic") for word in words)
    of_strings = (*words, "language:\n- zxx\n", "arxiv:2505.24832")  # as the task says of itself
    assert all(word in card for card in cards("packaged", "random_strings") for word in of_strings)
    assert not [card for card in cards("packaged", "arithmetic") if "zxx" in card or "2505.24832" in card]
    for source, path in (("folder", "/home/ada/sums"), ("hub", "ada/sums"), ("folder", "arithmetic")):
        assert not [card for card in cards(source, path) for word in (*words, "arxiv", "barron2025") if word in card]


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Three studies of one name: a plan of two runs, the same with one more, and another plan."""
    folder = tmp_path_factory.mktemp("studies")
    cell = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 16, "steps": 10, "eval_steps": 10}
    for place, seeds in {"plan": (1, 3), "more": (1, 2, 3), "other": (4,)}.items():
        for seed in seeds:
            run_experiment(ExperimentConfig.from_dict(cell | {"model_seed": seed}), folder / place, study="small")
    return folder


def states(hub):
    return {
        key: {name: repository.at(name).files for name in repository.branches} for key, repository in hub.repos.items()
    }


@pytest.fixture(scope="module")
def hub():
    users = {"token-of-ada": "ada", "token-of-bob": "bob"}
    with LoopbackHub(users=users, organisations={"lab": ["ada", "bob"]}) as hub:
        yield hub


@pytest.fixture(scope="module")
def terminal(hub, tmp_path_factory):
    terminal = Terminal(hub, tmp_path_factory.mktemp("terminal"))
    yield terminal
    terminal.close()


def test_a_plan_extends_its_own_and_takes_no_others_place(hub, terminal, studies):
    def publish(folder):
        return terminal.run("publish", "study", studies / folder, "--name", "small")

    assert publish("plan").code == 0
    index = hub.repos["dataset", "ada/small"]
    card = index.at("main").files["README.md"]
    without_plan = b"\n".join(line for line in card.split(b"\n") if b"- plan:" not in line)
    assert without_plan != card
    # As published now, and as before plans had digests: then the runs say whose it is.
    for index.at("main").files["README.md"] in (card, without_plan):
        before = states(hub)
        code, output = publish("other")
        assert (code, len(output.splitlines())) == (2, 1)
        assert states(hub) == before
        for folder in ("plan", "other"):
            run_ids = [path.parent.name for path in (studies / folder).glob("*/record.json")]
            assert f"plan:{plan_digest(run_ids)}" in output
    # An earlier version published a folder for each run.
    files = index.at("main").files
    lines = files.pop("runs.jsonl")
    folders = {f"{json.loads(line)['run_id']}/record.json": line for line in lines.splitlines()}
    files |= folders
    code, output = publish("other")
    assert (code, "holds another plan" in output) == (2, True)
    for name in folders:
        del files[name]
    files["runs.jsonl"] = lines
    # What was cut off has no index yet.
    kept = hub.repos.pop(("dataset", "ada/small"))
    code, output = publish("other")
    assert (code, "ada/small-arithmetic-n14 holds another plan" in output) == (2, True)
    hub.repos["dataset", "ada/small"] = kept
    assert publish("more").code == 0
    assert publish("plan").code == 2


def test_what_another_trained_is_not_written_over(hub, terminal, studies, tmp_path):
    """Two members of an organisation have trained the same plan."""
    theirs = shutil.copytree(studies / "plan", tmp_path / "small")
    run, weights = min(theirs.glob("arithmetic-*")), next((studies / "other").glob("*/model.safetensors"))
    record = json.loads((run / "record.json").read_text(encoding="utf-8"))
    del record["digest"]
    record["files"]["model.safetensors"] = short_digest(weights.read_bytes())
    (run / "record.json").write_text(record_text(with_digest(record)), encoding="utf-8")
    shutil.copy(weights, run)

    def publish(folder, user):
        words = ("publish", "study", folder, "--name", "small", "--namespace", "lab")
        return terminal.run(*words, token=f"token-of-{user}")

    assert publish(studies / "plan", "ada").code == 0
    before = states(hub)
    code, output = publish(theirs, "bob")
    assert (code, len(output.splitlines())) == (2, 1)
    assert "lab/small-arithmetic-n14 holds the same plan, trained elsewhere: " in output
    assert "Nothing was written. Choose another name with `--name`" in output
    assert states(hub) == before
    [gathered] = [collection for collection in hub.collections.values() if collection.namespace == "lab"]
    assert gathered.private
    assert gathered.items == [
        ("dataset", "lab/small"), ("model", "lab/small-arithmetic-n14"), ("dataset", "lab/arithmetic")
    ]  # fmt: skip


def test_a_study_goes_by_the_folder_that_somebody_chose_or_by_the_name(studies, monkeypatch):
    # Neither is looked at, and each takes a second.
    monkeypatch.setattr(contents, "write_pages", lambda folder, study: None)
    monkeypatch.setattr(contents, "draw_learning_curves", lambda ladders, curves: b"")
    *tasks, model, index = study_repositories(studies / "more", "ada")
    assert [task.repo_id for task in tasks] == ["ada/arithmetic"]
    assert (model.repo_id, index.repo_id) == ("ada/more-arithmetic-n14", "ada/more")
    with pytest.raises(ValueError, match="ada/arithmetic is the name of the task's repository: choose another with"):
        study_repositories(studies / "more", "ada", "arithmetic")
    # Without the tasks that belong to it, cards do not name them.
    alone, lists = study_repositories(studies / "more", "ada", "arithmetic", data=False)
    assert (alone.repo_id, lists.repo_id) == ("ada/arithmetic-arithmetic-n14", "ada/arithmetic")
    for repository, named in ((model, True), (alone, False)):
        files = repository.revisions[-1].files
        assert (b"datasets:\n- ada/arithmetic\n" in files["README.md"]) == named
        assert (".eval_results/arithmetic.yaml" in files) == named


def test_an_index_that_does_not_name_its_runs_is_not_written_over(tmp_path):
    (tmp_path / "runs.jsonl").write_text("{", encoding="utf-8")
    api = SimpleNamespace(
        list_repo_tree=lambda **_: [SimpleNamespace(path="runs.jsonl")],
        hf_hub_download=lambda filename, **_: tmp_path / filename,
    )
    with pytest.raises(PublishError, match=r"ada/small has a runs\.jsonl that does not name its runs"):
        published_runs(api, {"repo_id": "ada/small", "repo_type": "dataset"})


def test_a_dataset_lists_the_ids_that_results_of_models_name():
    file = PUBLISHED / "cards" / "too_big_to_think-arithmetic-n14" / ".eval_results" / "arithmetic.yaml"
    results = parse_eval_result_entries(yaml.safe_load(file.read_text(encoding="utf-8")))
    assert {entry.dataset_id for entry in results} == {"hf-capacity/arithmetic"}
    content = yaml.safe_load(benchmark(TASKS["arithmetic"]))
    tasks = {task["id"]: task for task in content["tasks"]}
    assert len(tasks) == len(content["tasks"])
    assert {entry.task_id for entry in results} <= set(tasks)
    [scorer] = tasks["paper_fit"]["scorers"]
    found = [re.search(scorer["args"]["pattern"], text) for text in ("12>", "12> ", "123>", "12")]
    assert [one and one.group(1) for one in found] == ["12", "12", "123", None]
    [scorer] = yaml.safe_load(dataset_repository("capitals", "ada").revisions[0].files["eval.yaml"])["tasks"][0][
        "scorers"
    ]
    found = [re.search(scorer["args"]["pattern"], text) for text in ("San Jose ", "San Jose \nC", "San Jose")]
    assert [one and one.group(1) for one in found] == ["San Jose", "San Jose", None]
