"""What others wrote, as it is shown: in a terminal, in a report, in a figure; and no secret in any of it."""

import json
import logging
import re

import pytest
from markdown_it import MarkdownIt
from support.hub_terminal import Terminal
from support.made_records import ARITHMETIC, add_run
from typer.testing import CliRunner

from hf_capacity.boundary.shown import hide_secrets, keep_secrets_out_of_logs, shown
from hf_capacity.cli import app
from hf_capacity.cli.errors import refuses_mistakes
from hf_capacity.cli.tables import show_marks
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.demo import rendering
from hf_capacity.demo.answers import Answer, Character
from hf_capacity.report import write_report
from hf_capacity.report.markdown import code, markdown_table
from hf_capacity.runs.folder import RunFolder
from hf_capacity.runs.records import failure_cause


TOKEN = "hf_" + "aBcD1234" * 4
NASTY = "[/b] \x1b[31m \x9b2J \r \x07 \u202e <img src=x> ![a](http://x/y) $\\frac ` |"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain é データ [/b] $x$", "plain é データ [/b] $x$"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("\x9b\x07\x7f", "\\x9b\\x07\\x7f"),
        ("\u202eabc\u2066\ufeff", "\\u202eabc\\u2066\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
    ],
)
def test_what_moves_a_cursor_is_escaped(text, safe):
    assert shown(text) == safe


@pytest.mark.parametrize(
    "text",
    [
        f"https://ada:{TOKEN}@hub.example/api failed",
        f"https://{TOKEN}@hub.example",
        "https://ada:secretword@hub.example/",
        "no route to secretword",
        "Authorization: Bearer secretword",
        "GET /x?token=secretword&b=1",
        "GET /x?a=1&X-Amz-Signature=secretword",
        f"a token {TOKEN} in a sentence",
    ],
)
def test_no_token_is_left(text, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://ada:secretword@hub.example")
    assert "secretword" not in hide_secrets(text)
    assert TOKEN not in hide_secrets(text)
    assert "***" in hide_secrets(text)


@pytest.mark.parametrize(
    "text", ["hf_capacity and hf-capacity", "a@b.c", "https://huggingface.co/ada/x?revision=main", "<5+7=12>"]
)
def test_what_is_no_secret_is_left(text):
    assert hide_secrets(text) == text


def test_no_secret_gets_into_a_failure_a_log_or_a_traceback(tmp_path, caplog, capsys):
    folder = RunFolder(tmp_path, ExperimentConfig(task="arithmetic", model="n14", block_size=9, batch_size=2))
    folder.write_failure(f"OSError: https://a:{TOKEN}@b", f"Traceback: https://a:{TOKEN}@b")
    assert TOKEN not in folder.failure.read_text(encoding="utf-8")
    folder.failure.write_text(json.dumps({"cause": TOKEN}), encoding="utf-8")  # of an earlier version
    assert failure_cause(folder.path) == "***"
    made = logging.getLogRecordFactory()
    try:
        keep_secrets_out_of_logs()
        logging.getLogger("anybody").warning("GET %s", f"https://a:{TOKEN}@b")
    finally:
        logging.setLogRecordFactory(made)
    assert TOKEN not in caplog.text

    @refuses_mistakes
    def fail():
        raise KeyError(f"https://a:{TOKEN}@b")

    assert CliRunner().invoke(_command(fail), []).exit_code == 1
    assert TOKEN not in "".join(capsys.readouterr())


def _command(function):
    import typer

    command = typer.Typer(pretty_exceptions_enable=False)
    command.command()(function)
    return command


@pytest.mark.slow
def test_no_secret_of_the_endpoint_is_printed(hub, tmp_path):
    hub.endpoint = hub.endpoint.replace("://", f"://ada:{TOKEN}@")
    study = tmp_path / "study.yaml"
    study.write_text("settings: {task: nobody/nothing, model: n14, block_size: 9, batch_size: 2}", encoding="utf-8")
    terminal = Terminal(hub, tmp_path)
    outputs = [
        terminal.run(*words).output
        for words in (
            ["publish", "dataset", "arithmetic"],
            ["evaluate", "nobody/nothing"],
            ["run", str(study), "--dry-run"],
        )
    ]
    outputs.append(terminal.close())
    assert all(outputs[:3])
    assert not [output for output in outputs if TOKEN in output]


def test_a_table_shows_markup_as_it_is():
    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(markdown_table(["a"], [[NASTY], [code(NASTY)]]))
    )
    assert html.count("<tr>") == 3
    assert "<img" not in html
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", html)
    assert "&lt;img src=x&gt;" in html


def test_a_task_that_holds_a_token_is_refused():
    with pytest.raises(ValueError, match="holds a token or a password") as refused:
        ExperimentConfig.from_dict(
            {"task": f"https://a:{TOKEN}@b/c", "model": "n14", "block_size": 9, "batch_size": 2}
        )
    assert TOKEN not in str(refused.value)


def test_what_a_model_writes_is_escaped_on_the_page():
    written = [Character("\u202e", 0.5), Character("<b>", 0.5)]
    page = rendering._render(
        "answers.html.jinja",
        fault="",
        answers=[Answer(model="n14", num_parameters=1, prompt="a", written=written)],
        prompt="\x1b[31m",
        length=1,
        num_read=[],
        right_answers=[],
        right=[],
        step=None,
        last=1,
        steps=[],
        marks=rendering.MARKS,
        longest=9,
    )
    assert "\\u202e" in page
    assert "&lt;b&gt;" in page
    assert not {"\u202e", "\x1b"} & set(page)


def test_marks_are_printed_escaped(capsys):
    row = {"prompt": "a\x1b[31m", "written": "[/b]\r", "answer": "b", "seen": False, "right": False}
    marks = {"task": {"path": "[/b]\x1b", "name": None}, "counts": {"exact_match": [0, 1]}, "tradeoff_gap": None}
    marks |= {"intervals_over_questions_of_one_model": {"exact_match": [0, 1]}, "floors": {"kinds": {}}}
    marks |= {
        "kinds": {"[/b]\x9b": {"seen": [0, 1]}},
        "withheld": {row["prompt"]: False},
        "answers": [row],
        "vouched_for": True,
    }
    show_marks(marks)
    printed = capsys.readouterr().out
    assert "[/b]\\x9b, seen" in printed
    assert "a\\x1b[31m[/b]\\r" in printed
    assert not re.search(r"[\x1b\x9b\r]", printed)


def test_a_report_asks_for_nothing(tmp_path):
    study = tmp_path / "s"
    for seed in (1, 2):
        add_run(study, "$\\frac <img src=x> [/b]", "n14", ARITHMETIC, model_seed=seed)
    address = "http://127.0.0.1:1"
    description = (
        f"![a]({address}/a.png) ![b][1] <img src={address}/c.png> ![d](<//127.0.0.1:1/d>) "
        f"[a page]({address}/e) ![](data:image/svg+xml,x)\n\n[1]: {address}/b.png"
    )
    (study / "study.yaml").write_text(json.dumps({"study": "s", "description": description}), encoding="utf-8")
    write_report(study)
    html = (study / "report.html").read_text(encoding="utf-8")
    assert "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r"src=\"([^\"]*)", html))
    tags = re.findall(r"<[^>]*>", html)
    assert not [tag for tag in tags if "127.0.0.1" in tag and not tag.startswith("<a ")]
    assert f'<a href="{address}/e" rel="noreferrer">' in tags
    assert not [tag for tag in tags if tag.startswith(("<link", "<iframe")) or "<script src" in tag]
    assert "script-src 'sha256-" in html
    assert html.count("<script ") == 5  # three libraries, the data of figures, and what sets them up
    assert "url(" not in html.split("<body>")[0]


def test_a_finished_study_is_listed_escaped(tmp_path):
    add_run(tmp_path / "s", "a\x1b[31m", "n14", ARITHMETIC)
    result = CliRunner().invoke(app, ["results", str(tmp_path / "s")])
    assert "a\\x1b[31m" in result.output
    assert "\x1b" not in result.output
