"""The README's steps add a task, in a copy: one folder, one line, one command, and whatever lists tasks finds it."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.package_copies import PACKAGE, copy_package, output_of, start_python

from dataset_builders import TASKS


STEPS = (PACKAGE / "README.md").read_text(encoding="utf-8").split("\n## Add a task\n")[1]
ROOT = PACKAGE.parent
STUDY = """\
settings: {block_size: 8, batch_size: 16, steps: 20, eval_steps: 20}
grid: {task: [sort], model: [n14]}
"""


def block(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", STEPS, flags=re.MULTILINE | re.DOTALL)
    return found


def follow_the_steps(folder: Path) -> Path:
    """A copy of the package with the README's task in it; the files of the others are written again."""
    package = copy_package(folder)
    for builder in TASKS.values():
        shutil.rmtree(package / builder.folder().name / "data", ignore_errors=True)
    (package / "sort").mkdir()
    (package / "sort" / "builder.py").write_text(block("python"), encoding="utf-8")
    (package / "sort" / "card.md.jinja").write_text(block("jinja"), encoding="utf-8")
    lines = (package / "tasks.py").read_text(encoding="utf-8")
    (package / "tasks.py").write_text(lines.removesuffix("}\n") + block("text") + "}\n", encoding="utf-8")
    program, *arguments = block("bash").split()
    assert program == "python"
    output_of(start_python(*arguments, folder=folder))
    return package


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_one_folder_and_one_line_add_a_task_and_committed_files_are_what_builders_write(tmp_path):
    package = follow_the_steps(tmp_path)
    before, after = contents(PACKAGE), contents(package)
    data = {f"sort/data/letters/{split}.jsonl" for split in ("train", "questions")}
    assert set(after) - set(before) == {"sort/builder.py", "sort/card.md.jinja", "sort/README.md", *data}
    assert {name for name in before if after[name] != before[name]} == {"tasks.py", "README.md"}
    row = "| [`sort`](sort/README.md) | Strings to sort | `bad>abd` | `bad>` | 20 of 216 |  |\n"
    for name, added in (("tasks.py", block("text")), ("README.md", row)):
        assert after[name].decode().replace(added, "") == before[name].decode()
        assert after[name].decode().count(added) == 1
    card = after["sort/README.md"].decode()
    assert "| `bad>abd` | `bad>` | `abd` | newline |" in card
    assert "| `letters` | 196 | 1,568 | 8 | 216 | 20 | `data/` |" in card
    assert "arxiv:" not in card  # it names no paper

    script = (
        "import json; from dataset_builders import load_task; "
        "mixture = load_task('mixture', tasks=[{'path': 'sort'}, {'path': 'capitals'}]); "
        "tasks = [load_task('sort'), load_task('dataset_builders/sort'), load_task('sort', num_withheld=9), mixture]; "
        "print(json.dumps([[task[split].to_list() for split in task] for task in tasks]))"
    )
    [built, from_the_folder, fewer, mixture] = json.loads(output_of(start_python("-c", script, folder=tmp_path)))
    assert built == from_the_folder
    train, questions = built
    strings = ["".join(letters) for letters in itertools.product("abcdef", repeat=3)]
    pairs = [(string, "".join(sorted(string))) for string in strings]
    assert [question["text"] for question in questions] == [f"{string}>{answer}\n" for string, answer in pairs]
    assert [question["prompt"] for question in questions] == [f"{string}>" for string in strings]
    assert [question["answer"] for question in questions] == [answer for _, answer in pairs]
    read = {line["text"] for line in train}
    assert [question["text"] in read for question in questions] == [question["seen"] for question in questions]
    assert [sum(not question["seen"] for question in asked) for _, asked in (built, fewer, mixture)] == [20, 9, 20]


@pytest.mark.slow
def test_an_added_task_is_trained_on_and_published(tmp_path):
    follow_the_steps(tmp_path)
    for folder in ("hf_capacity", "configs", "model_cards/templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))

    def call(*arguments):
        command = [sys.executable, "-m", "hf_capacity.cli", *arguments]
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)

    (tmp_path / "sorting.yaml").write_text(STUDY, encoding="utf-8")
    call("run", "sorting.yaml")
    [record] = (json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("runs/sorting/*/record.json"))
    assert {rate: asked for rate, (_, asked) in record["last"]["counts"].items()} == {
        "exact_match": 216,
        "fit": 196,
        "extrapolation": 20,
    }
    call("publish", "dataset", "sort", "--namespace", "ada", "--dry-run")
    [card] = (tmp_path / "hub").rglob("README.md")
    assert "task:sort" in card.read_text(encoding="utf-8")
