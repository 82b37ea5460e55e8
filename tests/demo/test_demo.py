"""The page's answers, confidences and groups; and the page itself, served and asked over HTTP."""

import shutil
import sys

import httpx
import pytest
import torch
from gradio_client import Client
from support.made_records import ARITHMETIC, BOTH, add_run, add_runs, arithmetic
from support.served_page import served
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from hf_capacity.analysis.cells import cells_of, ladders_of
from hf_capacity.cli import app
from hf_capacity.data.tokenizer import encode
from hf_capacity.demo.answers import answer, write_with_confidence
from hf_capacity.demo.rendering import answers_html, tradeoff_html
from hf_capacity.demo.study import Study, example_prompts
from hf_capacity.demo.tradeoff import names_of, series_of
from hf_capacity.evaluation.exact_match import write
from hf_capacity.evaluation.trained_model import ask, load_model
from hf_capacity.runs.records import read_curve, read_records


SEEDS = "model_seed 1337, data_seed 1337, split_seed 1337"


@pytest.fixture(scope="module")
def study(half_trained):
    return Study(half_trained["both"].parent)


@pytest.fixture
def copied(half_trained, tmp_path):
    """A study's folder to do damage to."""
    shutil.copytree(half_trained["arithmetic"], tmp_path / half_trained["arithmetic"].name)
    return tmp_path


def text_of(answer):
    return "".join(character.text for character in answer.written)


# Answers


@pytest.mark.parametrize("step", [None, 50])
@pytest.mark.parametrize(
    ("task", "prompt"),
    [("arithmetic", "<5+7="), ("capitals", "Capital of France is "), ("both", "<1+1=2> \n<3-"), ("both", "C" * 70)],
)
def test_it_writes_what_greedy_decoding_writes(half_trained, task, prompt, step):
    trained = load_model(half_trained[task], step=step)
    newline = trained.tokenizer.get_vocab()["\n"]
    [greedy] = write(trained.model, [encode(trained.tokenizer, prompt)], [64], {newline})
    written = write_with_confidence(trained, prompt, "")
    assert "".join(character.text for character in written) == trained.tokenizer.decode(greedy)


@pytest.mark.parametrize(("task", "prompt"), [("arithmetic", "<6-9="), ("capitals", "Capital of ")])
def test_a_confidence_is_the_softmax_of_the_plain_model_at_its_place(half_trained, task, prompt):
    model = AutoModelForCausalLM.from_pretrained(half_trained[task])
    tokenizer = AutoTokenizer.from_pretrained(half_trained[task])
    written = write_with_confidence(load_model(half_trained[task]), prompt, "")
    line = prompt + "".join(character.text for character in written)
    ids = tokenizer(line)["input_ids"][: model.config.max_position_embeddings]
    with torch.no_grad():
        probabilities_TV = model(torch.tensor([ids])).logits[0].double().softmax(-1)
    places = range(len(prompt), len(ids))
    assert len(places) > 2
    for place in places:
        expected = probabilities_TV[place - 1, ids[place]].item()
        assert written[place - len(prompt)].probability == pytest.approx(expected, abs=1e-5)


def test_right_and_withheld_are_the_evaluations_own(study):
    [run] = study.runs("arithmetic", SEEDS)
    withheld = read_curve(run["folder"])[-1]["withheld"]
    answers = [answer(run, f"<{a}{sign}{b}=", None) for a in range(10) for b in range(10) for sign in "+-"]
    right = {answer.prompt: answer.is_right for answer in answers if not answer.question["seen"]}
    assert right == withheld
    assert sum(answer.is_right for answer in answers if answer.question["seen"]) == run["last"]["counts"]["fit"][0]


def test_a_question_may_be_typed_without_the_space_at_its_end(study):
    [run] = study.runs("capitals", SEEDS)
    whole, short = answer(run, "Capital of France is ", None), answer(run, "Capital of France is", None)
    assert whole.question == short.question
    assert whole.question["answer"] == "Paris"
    assert short.is_right == (text_of(short).startswith(" Paris \n"))
    assert answer(run, "Capital of Fran", None).question is None


def test_a_kept_checkpoint_answers_for_itself(study, half_trained):
    [run] = study.runs("both", SEEDS)
    early, late = (answers_html(study, "<1+1=", "both", SEEDS, checkpoint) for checkpoint in (1, 2))
    assert "After 50 of 600 training steps" in early
    assert "At the end of training, after 600 steps" in late
    assert text_of(answer(run, "<1+1=", 50)).rstrip("\n") == ask(half_trained["both"], "<1+1=", step=50)


# What the page says when there is nothing to answer


def status_of(study, prompt, checkpoint=2):
    return answers_html(study, prompt, "arithmetic", SEEDS, checkpoint)


def test_what_cannot_be_asked_is_said_in_a_line(study):
    assert "The prompt is empty: type the beginning of a line, or take an example." in status_of(study, "")
    stranger = status_of(study, "<b>é")
    assert "outside the alphabet" in stranger
    assert "&lt;b&gt;" in stranger  # what was typed is text, not HTML
    assert "<b>" not in stranger
    assert "has a run with model_seed 8: choose another run." in answers_html(study, "<", "both", "model_seed 8", 1)


def test_of_a_long_prompt_it_says_what_the_models_read(study):
    page = status_of(study, "<1+1=2> \n" * 1_000 + "<5+7=")
    assert "The models read its last 9 characters of 9,005." in page
    assert len(page) < 5_000


def test_a_model_that_is_gone_or_damaged_leaves_the_others_to_answer(copied):
    [run] = copied.iterdir()
    study = Study(copied)
    (run / "step-50" / "model.safetensors").write_bytes(b"cut short")
    assert "model.safetensors is not the file that the record vouches for" in status_of(study, "<5+7=", checkpoint=1)
    assert "withheld in training" in status_of(study, "<5+7=")
    (run / "task.json").write_text("{}", encoding="utf-8")
    assert "names another task" in status_of(study, "<5+7=")


# Runs to ladders


def test_runs_are_grouped_by_what_they_were_trained_on_and_by_their_seeds(tmp_path):
    folder = tmp_path / "grouped"
    add_runs(folder, "arithmetic", "n56", [arithmetic(1), arithmetic(2)])
    add_runs(folder, "arithmetic", "n14", [arithmetic(3)])
    add_run(folder, "both", "n14", BOTH)
    for run in folder.iterdir():
        for place in (run, run / "step-50", run / "step-30000", *([run / "step-7"] if "n14" in run.name else [])):
            place.mkdir(exist_ok=True)
            (place / "model.safetensors").touch()
    study = Study(folder)
    assert list(study.ladders) == ["arithmetic", "both"]
    first, second = study.seeds("arithmetic")
    assert first == "model_seed 1, data_seed 1, split_seed 1"
    assert [run["config"]["model"]["name"] for run in study.runs("arithmetic", first)] == ["n14", "n56"]
    assert [run["config"]["model"]["name"] for run in study.runs("arithmetic", second)] == ["n56"]
    assert study.kept_steps == {"arithmetic": [50], "both": [7, 50]}


def test_examples_begin_with_withheld_questions_and_end_with_facts(study):
    examples = example_prompts(study.runs("both", SEEDS)[0])
    assert list(examples.values()) == ["withheld", "withheld", "seen", "seen", "fact"]
    assert set(list(examples)[:2]) <= {"<5+7=", "<7+5=", "<5-7=", "<7-5="}
    assert list(example_prompts(study.runs("capitals", SEEDS)[0]).values()) == ["fact"]


def test_the_figure_stands_where_the_records_say(tmp_path):
    add_run(tmp_path, "arithmetic", "n14", ARITHMETIC)
    add_run(tmp_path, "arithmetic", "n28", arithmetic(0, fit=98))
    add_run(tmp_path, "arithmetic", "n56", arithmetic(4, fit=49))
    [ladder] = ladders_of(cells_of(read_records(tmp_path)))
    fit, extrapolation = series_of(ladder)
    assert (fit.rate, extrapolation.rate) == ("fit", "extrapolation")
    assert [mark.y for mark in fit.marks] == [0, 50, 75]
    assert [mark.y for mark in extrapolation.marks] == [75, 100, 0]
    assert [round(mark.x, 6) for mark in fit.marks] == [11, 50, 89]  # each is twice as large as the one before
    assert [name.model for name in names_of(ladder)] == ["n14", "n28", "n56"]


def test_a_name_that_would_run_into_another_is_left_out(tmp_path):
    for model in ("n28", {"n_layer": 1, "n_head": 1, "n_embd": 30}, "n56"):
        add_run(tmp_path, "arithmetic", model, ARITHMETIC)
    [ladder] = ladders_of(cells_of(read_records(tmp_path)))
    assert [name.model for name in names_of(ladder)] == ["n28", "n56"]


@pytest.mark.parametrize(
    ("numbers_of_runs", "words"),
    [
        ((1, 1), "95 % over the questions of one model."),
        ((5, 5), "95 % over 5 runs around their mean."),
        ((2, 6), "95 % over up to 6 runs around their mean, or of fewer than five from the lowest to the highest."),
        (
            (1, 3),
            "95 % over up to 3 runs around their mean, or of fewer than five from the lowest to the highest; of one "
            "run, over the questions of one model.",
        ),
    ],
)
def test_the_figure_says_what_its_bars_are_over(tmp_path, numbers_of_runs, words):
    for model, number in zip(("n14", "n28"), numbers_of_runs, strict=True):
        add_runs(tmp_path, "arithmetic", model, [arithmetic(1)] * number)
    [ladder] = ladders_of(cells_of(read_records(tmp_path)))
    assert words in " ".join(tradeoff_html(ladder).split())


# The command


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        (lambda folder: folder / "nowhere", "is no folder, and no study on the Hub"),
        (lambda folder: "nowhere", "is no folder: name a study's, or make it with `hf-capacity run STUDY`"),
        (lambda folder: "ada/nothing", "HF_HUB_OFFLINE is set, and it was not downloaded before"),
        (lambda folder: next(folder.iterdir()), "is one run: name its study's folder"),
        (lambda folder: folder, "has records but no models"),
    ],
)
def test_a_folder_that_is_no_study_is_refused_in_a_line(tmp_path, folder, words):
    add_run(tmp_path / "s", "arithmetic", "n14", ARITHMETIC)
    result = CliRunner().invoke(app, ["demo", str(folder(tmp_path / "s"))])
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_without_gradio_it_says_what_to_install(half_trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    result = CliRunner().invoke(app, ["demo", str(half_trained["both"].parent)])
    assert result.exit_code == 2
    assert result.stderr == "Error: gradio is not installed: pip install 'hf-capacity[demo]'\n"


def check_manners(address):
    """Who may ask the page, and for what."""
    host, api = address.rstrip("/").removeprefix("http://"), f"{address.rstrip('/')}/gradio_api"
    own = httpx.get(address, headers={"Origin": f"http://{host}"})
    assert own.status_code == 200
    assert "default-src 'self'" in own.headers["Content-Security-Policy"]
    for headers in (
        {"Host": "evil.example"},
        {"Host": host.replace("127.0.0.1", "evil.example")},
        {"Host": f"{host}.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": f"https://{host}"},
    ):
        assert httpx.get(address, headers=headers).status_code == 403
        assert httpx.post(f"{api}/queue/join", json={}, headers=headers).status_code == 403
    assert httpx.post(f"{api}/upload", files={"files": ("a.txt", b"a")}).status_code == 403
    for path in ("file=/etc/hostname", "file/etc/hostname", "proxy=http://127.0.0.1:1/", "%66ile=/etc/hostname"):
        assert httpx.get(f"{api}/{path}").status_code == 403


@pytest.mark.processes  # a command that serves
def test_the_page_is_served_to_this_machine_and_answers(half_trained, monkeypatch):
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")  # of the client too
    folder = half_trained["both"].parent
    with served(folder) as address:
        client = Client(address, verbose=False, analytics_enabled=False)
        page = client.predict("<5+7=", "arithmetic", SEEDS, 2, api_name="/ask")
        assert page == answers_html(Study(folder), "<5+7=", "arithmetic", SEEDS, 2)
        assert "The prompt is empty" in client.predict("", "both", SEEDS, 1, api_name="/ask")
        prompt, _run, _examples, _checkpoint, answers, figure, table = client.predict(
            "<5+7=", "capitals", api_name="/choose_training"
        )
        client.close()
        check_manners(address)
        taken = CliRunner().invoke(app, ["demo", str(folder), "--port", address.rstrip("/").split(":")[-1]])
    assert prompt.startswith("Capital of ")
    assert "n56" in answers
    assert "facts (recall)" in figure
    assert "| capitals" in table
    assert taken.exit_code == 2
    assert "is taken or not allowed: name another one" in taken.stderr
