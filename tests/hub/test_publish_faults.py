"""What the Hub may refuse, and what may happen on the way: each message, and what a repeated publish leaves."""

import json
import shutil

import pytest
from support.hub_terminal import Terminal
from support.loopback.hub import LoopbackHub
from support.loopback.store import Collection

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment


TOKEN = "token-of-ada"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two runs of one cell, each with two kept checkpoints."""
    output = tmp_path_factory.mktemp("study") / "small"
    for seed in (1, 2):
        cell = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 16, "steps": 30, "eval_steps": 10}
        run_experiment(
            ExperimentConfig.from_dict(cell | {"keep_checkpoints": [10, 20], "model_seed": seed}),
            output,
            study="small",
        )
    return output


@pytest.fixture(scope="module")
def hub():
    with LoopbackHub(users={TOKEN: "ada", "token-of-bob": "bob"}, organisations={"lab": ["ada"]}) as hub:
        yield hub


@pytest.fixture(scope="module")
def terminal(hub, tmp_path_factory):
    terminal = Terminal(hub, tmp_path_factory.mktemp("terminal"))
    yield terminal
    assert TOKEN not in terminal.close()


@pytest.fixture
def clean(hub):
    """An empty Hub without faults."""
    hub.repos.clear()
    hub.collections.clear()
    hub.faults.clear()
    hub.requests.clear()
    return hub


def states(hub):
    """What each repository shows at each of its names."""
    return {
        (key, name): repository.at(name).files
        for key, repository in hub.repos.items()
        for name in (*repository.branches, *repository.tags)
    }


@pytest.mark.parametrize(
    ("token", "words", "message"),
    [
        (None, [], "there is no token. Log in with `hf auth login`, or set HF_TOKEN"),
        ("nobodys", [], "the Hub does not know the token"),
        (TOKEN, ["--namespace", "bob"], "you may not write there. The token needs permission to write"),
    ],
)
def test_who_may_not_publish_is_told_why(clean, terminal, study, token, words, message):
    code, output = terminal.run("publish", "study", study, *words, token=token)
    assert (code, "Traceback" in output) == (2, False)
    assert message in output
    assert not clean.repos


def test_what_somebody_else_made_is_not_written_over(clean, terminal, study):
    assert terminal.run("publish", "dataset", "arithmetic", "--name", "small").code == 0
    before = states(clean)
    code, output = terminal.run("publish", "study", study)
    assert code == 2
    assert "ada/small is taken: that dataset repository holds something else" in output
    assert states(clean) == before
    assert terminal.run("publish", "study", study, "--name", "other").code == 0
    del clean.repos["dataset", "ada/arithmetic"]
    assert terminal.run("publish", "dataset", "capitals", "--name", "arithmetic").code == 0
    before = states(clean)
    code, output = terminal.run("publish", "study", study, "--name", "other")
    assert (code, states(clean)) == (2, before)
    assert "ada/arithmetic is taken" in output
    assert "Leave the task out with `--no-data`." in output


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/api/repos/create", {"status": 500}),
        ("/api/repos/create", {"status": None, "applied": True}),
        ("/branch/", {"status": 500, "applied": True}),
        ("/tag/", {"status": None, "applied": True}),
        ("/commit/", {"status": 500, "after": 1, "times": 2}),
        ("/commit/", {"status": 409}),
        ("/commit/", {"status": None, "applied": True, "after": 2}),
    ],
)
def test_what_passes_by_itself_is_tried_again(clean, terminal, study, whole_run, path, fault):
    clean.fail("POST", path, **fault)
    code, output = terminal.run("publish", "model", min(study.glob("arithmetic-*")))
    assert code == 0, output
    assert not clean.faults  # the failure did happen
    assert states(clean) == whole_run


@pytest.fixture(scope="module")
def whole_run(hub, terminal, study):
    """What an undisturbed publish of a run leaves."""
    hub.repos.clear()
    assert terminal.run("publish", "model", min(study.glob("arithmetic-*"))).code == 0
    return states(hub)


@pytest.fixture(scope="module")
def whole(hub, terminal, study):
    """What an undisturbed publish of the study leaves."""
    hub.repos.clear()
    assert terminal.run("publish", "study", study).code == 0
    return states(hub)


@pytest.mark.parametrize(("status", "after"), [(500, 5), (None, 2), (409, 0), (403, 6)])
def test_what_does_not_pass_leaves_nothing_that_looks_whole(clean, terminal, study, whole, status, after):
    reasons = {
        500: "the Hub failed",
        None: "did not answer",
        409: "somebody else wrote there",
        403: "you may not write",
    }
    body = {"error": f"storage limit reached by Bearer {TOKEN}"} if status == 403 else None
    clean.fail("POST", "/commit/", status=status, times=99, after=after, body=body)
    code, output = terminal.run("publish", "study", study, "--public")
    assert code == 2
    assert reasons[status] in output
    assert "The same command goes on where this one stopped." in output
    assert "Traceback" not in output
    assert TOKEN not in output
    for (kind, repo_id), repository in clean.repos.items():
        assert repository.private
        main = repository.at("main").files
        # `main` is either still empty, or all that it shall be; and the index comes last of all.
        assert main.keys() <= {".gitattributes"} or main == whole[(kind, repo_id), "main"]
    complete = [key for key, repository in clean.repos.items() if len(repository.at("main").files) > 1]
    assert ("dataset", "ada/small") not in complete

    clean.faults.clear()
    assert terminal.run("publish", "study", study, "--public").code == 0
    assert states(clean) == whole
    assert not any(repository.private for repository in clean.repos.values())
    [collection] = clean.collections.values()
    assert not collection.private
    assert set(collection.items) == set(clean.repos)
    assert collection.items[0] == ("dataset", "ada/small")


def test_a_collection_of_somebodys_own_is_left_alone(clean, terminal, study):
    mine = Collection("ada/small-1", "small", "ada", private=True, description="Small things that I like.")
    clean.collections[mine.slug] = mine
    code, output = terminal.run("publish", "study", study)
    assert (code, output.count("\n")) == (2, 1)
    assert "ada has a collection 'small' already, which gathers something else" in output
    assert not clean.repos
    assert (mine.items, len(clean.collections)) == ([], 1)


def test_a_repeated_publish_changes_nothing(clean, terminal, study):
    assert terminal.run("publish", "study", study).code == 0
    commits = {key: repository.commits("main") for key, repository in clean.repos.items()}
    clean.requests.clear()
    code, output = terminal.run("publish", "study", study)
    assert code == 0, output
    assert {key: repository.commits("main") for key, repository in clean.repos.items()} == commits
    assert not [path for method, path in clean.requests if "/commit/" in path or "/tag/" in path]
    assert all(repository.private for repository in clean.repos.values())


def test_no_token_is_written_anywhere(clean, terminal, study, tmp_path):
    assert terminal.run("publish", "study", study).code == 0
    assert terminal.run("publish", "study", study, "--dry-run", "--output", tmp_path / "dry").code == 0
    published = [content for files in states(clean).values() for content in files.values()]
    on_disk = [path.read_bytes() for folder in (study, tmp_path) for path in folder.rglob("*") if path.is_file()]
    assert len(published) > 50
    assert len(on_disk) > 50
    assert not any(TOKEN.encode() in content for content in published + on_disk)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "record.json").unlink(), "is not finished: {run} is not finished"),
        (
            lambda run: (
                (run / "record.json").unlink(),
                (run / "failure.json").write_text(json.dumps({"cause": "the loss is nan"})),
            ),
            "{run} failed (the loss is nan)",
        ),
        (lambda run: (run / "model.safetensors").write_bytes(b"half"), "is not the file that the record vouches for"),
        (lambda run: (run / "model.safetensors").unlink(), "has a record but no model.safetensors"),
        (lambda run: shutil.rmtree(run / "step-10"), "{run} has lost its step-10"),
    ],
)
def test_a_study_that_is_not_whole_is_refused(clean, terminal, study, tmp_path, spoil, message):
    copy = shutil.copytree(study, tmp_path / "small")
    run = min(copy.glob("arithmetic-*"))
    spoil(run)
    code, output = terminal.run("publish", "study", copy)
    assert code == 2
    assert message.format(run=run.name) in output
    assert "Traceback" not in output
    assert not clean.repos
    assert terminal.run("publish", "model", run).code == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["study", "nowhere"], "nowhere is no folder"),
        (["model", "nowhere"], "nowhere is no folder"),
        (["dataset", "geometry"], "there is no task 'geometry': publish one of arithmetic, "),
        (["metric", "--dry-run", "--output", "occupied"], "holds something else than dry runs"),
    ],
)
def test_a_slip_is_answered_in_a_line(clean, terminal, words, message):
    (terminal.folder / "occupied").mkdir(exist_ok=True)
    (terminal.folder / "occupied" / "mine").touch()
    code, output = terminal.run("publish", *words)
    assert code == 2
    assert message in output
    assert "Traceback" not in output
