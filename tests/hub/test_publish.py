"""Everything that is published, there and back again over HTTP: by plain Hugging Face libraries, and by ours."""

import json
import subprocess
import sys
import sysconfig

import pytest
import torch
import yaml
from huggingface_hub.utils import validate_repo_id
from support.hub_terminal import Terminal
from support.loopback.hub import LoopbackHub
from transformers import AutoModelForCausalLM

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment
from hf_capacity.hub import study_repositories, write_to_disk
from hf_capacity.hub.repository import repository_name
from hf_capacity.runs.records import read_record


# The editable installation of our code is a `.pth` file, which `-S` leaves unread, as `-I` does `PYTHONPATH`.
WITHOUT_OUR_CODE = f"""
import sys
sys.path.append({sysconfig.get_path("purelib")!r})
for name in ("hf_capacity.config.experiment", "dataset_builders.building.questions"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise AssertionError(name + " is installed here")
"""
LOAD = """
import json, torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

torch.set_num_threads(1)
repo = "ada/small-arithmetic-n14"
logits = {}
for revision in ("main", "seed-2", "step-10", "seed-2-step-20"):
    tokenizer = AutoTokenizer.from_pretrained(repo, revision=revision)
    model = AutoModelForCausalLM.from_pretrained(repo, revision=revision, use_safetensors=True)
    with torch.no_grad():
        logits[revision] = model(**tokenizer("<5+7=", return_tensors="pt")).logits[0, -1].tolist()
generator = pipeline("text-generation", model=repo)
written = generator("<5+7=", max_new_tokens=3, do_sample=False)[0]["generated_text"]
questions = load_dataset("ada/arithmetic", "operand", split="questions")
runs = load_dataset("ada/small", "runs", split="train")
lines = load_dataset("ada/arithmetic", split="train")
print(json.dumps([logits, written, len(lines), questions["seen"][:], runs["run_id"][:]]))
"""
STATE_OF_TRAINING = ("training_args", "optimizer", "rng_state", "scheduler", "trainer_state", ".lock", "sessions")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two runs of one cell, each with two kept checkpoints, and one run of another cell."""
    output = tmp_path_factory.mktemp("study") / "small"
    for task, block_size, seed in (("arithmetic", 9, 1), ("arithmetic", 9, 2), ("both", 24, 1)):
        cell = {"task": task, "model": "n14", "block_size": block_size, "batch_size": 16, "model_seed": seed}
        config = ExperimentConfig.from_dict(cell | {"steps": 30, "eval_steps": 10, "keep_checkpoints": [10, 20]})
        run_experiment(config, output, study="small")
    return output


@pytest.fixture(scope="module")
def hub():
    with LoopbackHub(users={"token-of-ada": "ada"}, organisations={"lab": ["ada"]}) as hub:
        yield hub


@pytest.fixture(scope="module")
def terminal(hub, study, tmp_path_factory):
    """A terminal at which the study, a task and the metric were published."""
    terminal = Terminal(hub, tmp_path_factory.mktemp("terminal"))
    for words in (["study", study], ["dataset", "arithmetic"], ["metric", "--public"]):
        code, output = terminal.run("publish", *words)
        assert code == 0, output
    yield terminal
    terminal.close()


def test_what_is_published_is_what_a_dry_run_writes(hub, terminal, study, tmp_path):
    code, output = terminal.run("publish", "study", study, "--namespace", "ada", "--dry-run", "--output", tmp_path)
    assert code == 0, output
    published = {
        (repo_id, name): {path: content for path, content in repository.at(name).files.items() if path[:5] != ".gita"}
        for (kind, repo_id), repository in hub.repos.items()
        for name in (*repository.branches, *repository.tags)
        if repo_id.startswith("ada/") and kind != "space" and not name.endswith("-checkpoints")
    }
    written = {key: {} for key in published}
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.parent != tmp_path:
            name, revision, *parts = path.relative_to(tmp_path).parts
            written[f"ada/{name}", revision]["/".join(parts)] = path.read_bytes()
    assert written == published
    revisions = {"main", "seed-2", "step-10", "step-20", "seed-2-step-10", "seed-2-step-20"}
    assert {name for repo_id, name in published if repo_id == "ada/small-arithmetic-n14"} == revisions


def test_nothing_but_the_model_and_what_tells_of_it_is_published(hub, terminal):
    files = hub.files("ada/small-arithmetic-n14")
    assert not [path for path in files if any(state in path for state in STATE_OF_TRAINING)]
    assert not [path for path in files if path.endswith((".bin", ".pt", ".pth", ".py"))]
    record = json.loads(files["record.json"])
    assert "host" not in record["provenance"]
    for (_kind, repo_id), repository in hub.repos.items():
        assert repository.private == (repo_id != "ada/capacity_tradeoff")


def test_a_published_dataset_is_prepared_as_a_task(terminal):
    words = ("--name", "operand", "--split", "questions[:50]", "--separator", "", "--output", "sums")
    code, output = terminal.run("prepare", "ada/arithmetic", *words)
    assert code == 0, output
    assert "rows: 50 in ada/arithmetic\n" in output
    assert "Written: sums. Next: hf-capacity run sums" in output


def test_plain_libraries_load_it_where_our_code_is_not(hub, terminal, study, tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", WITHOUT_OUR_CODE + LOAD],
        cwd=tmp_path,
        env=hub.environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    logits, written, num_lines, seen, run_ids = json.loads(done.stdout.splitlines()[-1])
    first, second = sorted(study.glob("arithmetic-*"))
    folders = {"main": first, "seed-2": second, "step-10": first / "step-10", "seed-2-step-20": second / "step-20"}
    for revision, folder in folders.items():
        ids = torch.tensor(
            [
                [
                    json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"][c]
                    for c in "<5+7="
                ]
            ]
        )
        with torch.no_grad():
            here = AutoModelForCausalLM.from_pretrained(folder)(ids).logits[0, -1]
        torch.testing.assert_close(torch.tensor(logits[revision]), here)
    answers = read_record(first)["answers"]
    assert ("<5+7=" + answers[0]["written"]).startswith(written.rstrip())
    assert num_lines == 196
    assert seen.count(False) == 38
    assert sorted(run_ids) == sorted(path.name for path in study.glob("*-n14-*"))


@pytest.mark.parametrize("revision", ["main", "seed-2", "step-10"])
def test_evaluate_and_ask_take_it_from_the_hub(terminal, study, revision):
    first, second = sorted(study.glob("arithmetic-*"))
    folder = {"main": first, "seed-2": second, "step-10": first / "step-10"}[revision]
    for words in (["evaluate"], ["ask", "<5+7="]):
        published = terminal.run(words[0], "ada/small-arithmetic-n14", *words[1:], "--revision", revision)
        local = terminal.run(words[0], folder, *words[1:])
        assert published == local
        assert published.code == 0


def test_a_model_of_a_published_study_is_asked_by_its_name_there(terminal, study):
    [run] = study.glob("both-*")
    assert terminal.run("ask", f"ada/small#{run.name}", "<5+7=") == terminal.run("ask", run, "<5+7=")
    code, said = terminal.run("ask", "ada/nothing#both", "<5+7=")
    assert (code, said.count("\n")) == (2, 1)
    assert "no study on the Hub that can be reached: not found, or private" in said


def test_a_card_says_what_the_record_says(hub, terminal, study):
    record = read_record(min(study.glob("arithmetic-*")))
    _, metadata, text = hub.files("ada/small-arithmetic-n14")["README.md"].decode().split("---\n", 2)
    metadata = yaml.safe_load(metadata)
    [model] = metadata["model-index"]
    [result] = model["results"]
    assert result["dataset"] == {
        "name": "arithmetic", "type": "ada/arithmetic", "config": "paper", "split": "questions"
    }  # fmt: skip
    counts = record["last"]["counts"]
    assert {metric["name"]: metric["value"] for metric in result["metrics"]} == {
        rate: right / asked for rate, (right, asked) in counts.items()
    }
    entries = yaml.safe_load(hub.files("ada/small-arithmetic-n14")[".eval_results/arithmetic.yaml"])
    assert {entry["dataset"]["task_id"]: entry["value"] for entry in entries} == {
        f"paper_{rate}": right / asked for rate, (right, asked) in counts.items()
    }
    assert (metadata["library_name"], metadata["pipeline_tag"]) == ("transformers", "text-generation")
    assert metadata["datasets"] == ["ada/arithmetic"]
    for told in (
        f"{record['num_parameters']:,} parameters ({record['num_parameters_without_positions']:,} without",
        f"| fit           | {counts['fit'][0]}/196",
        "| `seed-2` |",
        "Over 2 runs, means, too few for an interval: ",
        *(f"| `{row['prompt']}` | `{row['answer']}`" for row in record["answers"] if not row["seen"]),
        record["provenance"]["git_commit"] or "commit unknown",  # of an sdist
    ):
        assert told in text


def test_a_tag_says_which_step_it_is(hub, terminal):
    card = hub.files("ada/small-arithmetic-n14", revision="seed-2-step-20")["README.md"].decode()
    assert "# n14, trained on arithmetic: step 20 of 30" in card
    assert "The card of the revision `seed-2`" in card


def test_the_metric_and_the_dataset_name_themselves(hub, terminal):
    assert (
        'evaluate.load("ada/capacity_tradeoff")' in hub.files("ada/capacity_tradeoff", "space")["README.md"].decode()
    )
    card = hub.files("ada/arithmetic", "dataset")["README.md"].decode()
    assert 'load_dataset("ada/arithmetic", "paper", split="questions")' in card
    assert "| `operand` | 162 | 1,458 | 17 | 200 | 38 |" in card


def test_a_run_can_be_published_alone_and_to_an_organisation(hub, terminal, study):
    run = min(study.glob("both-*"))
    code, output = terminal.run("publish", "model", run, "--namespace", "lab", "--name", "a.b-c", "--public")
    assert code == 0, output
    assert not hub.repos["model", "lab/a.b-c"].private
    assert "and is published by itself" in hub.files("lab/a.b-c")["README.md"].decode()
    assert 'pipeline("text-generation", model="lab/a.b-c")' in hub.files("lab/a.b-c")["README.md"].decode()


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("width", "arithmetic (rotating pair)", "n14", ""), "width-arithmetic-rotating-pair-n14-efdcd579"),
        (("wd", "arithmetic", "n14", "model.dropout=0.1"), "wd-arithmetic-n14-model.dropout-0.1-2037c04f"),
        (("small", "arithmetic", "L1-d20-h1", ""), "small-arithmetic-L1-d20-h1"),
        (("データ",), "16773842"),
        (("sums.GIT",), "sums.GIT-b7351d6a"),
        (("..a--b..", "Zürich/é"), "a-b.Z-rich-994db914"),
    ],
)
def test_a_repositorys_name_is_one_that_the_hub_takes(parts, name):
    assert repository_name(*parts) == name
    long = repository_name(*parts, "x" * 200)
    assert len(long) == 60
    assert long != repository_name(*parts, "x" * 201)
    for each in (name, long):
        validate_repo_id(f"ada/{each}")


def test_a_dry_run_replaces_its_own_folders_only(study, tmp_path):
    repositories = study_repositories(study, "ada")
    (tmp_path / "out" / "notes").mkdir(parents=True)
    with pytest.raises(ValueError, match="holds something else than dry runs"):
        write_to_disk(repositories, tmp_path / "out")
    for _ in range(2):
        folders = write_to_disk(repositories, tmp_path / "dry")
    assert {path.name for path in (tmp_path / "dry").iterdir() if path.is_dir()} == {path.name for path in folders}
