"""A task as a folder for a harness: its questions, and what asks and scores them without any code of ours.

The verdict is `evaluation`'s: a right answer comes with its end mark. Harnesses generate, in batches, and cut what was
written at the character that ends a line.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from transformers import AutoConfig

from dataset_builders.preparing import check_output

from ..boundary.reading import quote
from ..boundary.writing import naming
from ..data.task import Task
from ..evaluation.task_of_model import TASK_FILE, check_task, task_of_model
from ..metrics.capacity_tradeoff.scoring import RATES
from ..models.generation import positions_of


QUESTIONS = "questions.jsonl"
NO_RATE = "other"
# What is asked, without a role before it: these models complete text.
AS_IT_IS = "{{ messages[0].content }}"


class Export(NamedTuple):
    """What a harness is to ask.

    Args:
        name: Of the task, where harnesses list theirs.
        rows: The questions; see `_row`.
        line_end: What ends a line.
        max_new_tokens: How many characters the longest answer has, with its end mark.
    """

    name: str
    rows: list[dict[str, Any]]
    line_end: str
    max_new_tokens: int


def export_task(asked: str | Mapping[str, Any]) -> Export:
    """The questions of a task, or those of a run's, which come with what it is always given before a line.

    Args:
        asked: A task's name, a mapping of `TaskConfig`'s fields, the folder of a task, or that of a run.

    Raises:
        ValueError: There is no such task, it has no questions that a harness can put, or the run's positions do not
            hold them.
    """
    run = Path(asked) if isinstance(asked, str) and (Path(asked) / TASK_FILE).exists() else None
    task = task_of_model(run, run) if run else Task.load(check_task(asked, f"`TASK` (={quote(asked)})"), 1337)
    path, name = task.identity["task"]["path"], task.identity["task"]["name"]
    if task.line_end is None:
        raise ValueError(
            f"the task {quote(path)} cannot be put by a harness: its lines do not all end with one character that no "
            "prompt and no answer has, such as a newline, so that nothing says where an answer stops. Use "
            "`hf-capacity evaluate`."
        )
    rows = [_row(task, place) for place in range(len(task.questions["prompt"]))]
    most = max(len(answer + end) for answer, end in zip(task.questions["answer"], task.questions["end"], strict=True))
    if run:
        _check_positions(run, max(len(row["prompt"]) for row in rows), most)
    words = re.findall("[a-z0-9]+", f"{Path(path).name} {name or ''}".lower())
    return Export("_".join(["hf_capacity", *words]), rows, task.line_end, most)


def write_export(harness: str, export: Export, output: Path) -> None:
    """Writes the folder, whole or not at all.

    Args:
        harness: One of `HARNESSES`.
        export: What it is to ask.
        output: A new folder.

    Raises:
        ValueError: There is something of that name already.
    """
    check_output(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    files = {QUESTIONS: "".join(json.dumps(row) + "\n" for row in export.rows), **HARNESSES[harness](export)}
    try:
        for name, content in files.items():
            with naming(partial / name):
                (partial / name).write_text(content, encoding="utf-8")
        partial.rename(output)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _row(task: Task, place: int) -> dict[str, Any]:
    """A question: `target` is how the line has to go on, up to its end; `whole_line`, whether it has to end there."""
    question = {column: values[place] for column, values in task.questions.items()}
    end, part = question["end"], (question["ability"], question["seen"])
    target, line_end, rest = (question["answer"] + end).partition(task.line_end)
    if rest:
        raise ValueError(
            f"the task {quote(task.identity['task']['path'])} cannot be put by a harness: the end mark {quote(end)} "
            "goes on after the end of a line, where a harness stops. Use `hf-capacity evaluate`."
        )
    return {
        "prompt": task.start + question["prompt"],
        "target": target,
        "whole_line": bool(line_end),
        "line_end": task.line_end,
        "kind": question["kind"],
        "rate": next((rate for rate, asked in RATES.items() if asked == part), NO_RATE),
    }


def _check_positions(run: Path, longest_prompt: int, max_new_tokens: int) -> None:
    positions = positions_of(AutoConfig.from_pretrained(run))
    if longest_prompt + max_new_tokens > positions:
        raise ValueError(
            f"{run} has {positions} positions, and its questions take up to {longest_prompt} characters, its answers "
            f"{max_new_tokens}: a harness would cut prompts, where `hf-capacity evaluate` slides the window, as the "
            "paper does."
        )


def _lm_eval(export: Export) -> dict[str, str]:
    rates = ["exact_match", *sorted({row["rate"] for row in export.rows} - {NO_RATE})]
    task = {
        "task": export.name,
        "custom_dataset": "!function scoring.questions",
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{target}}",
        "target_delimiter": "",
        "process_results": "!function scoring.score",
        "generation_kwargs": {
            "until": [export.line_end],
            "do_sample": False,
            "max_gen_toks": export.max_new_tokens,
        },
        "metric_list": [{"metric": rate, "aggregation": "mean", "higher_is_better": True} for rate in rates],
    }
    # Its own tag of YAML, in front of a name: what is quoted would be a name that begins with it.
    content = re.sub(r"'(!function [\w.]+)'", r"\1", yaml.safe_dump(task, sort_keys=False))
    return {f"{export.name}.yaml": content, "scoring.py": _shipped("lm_eval_scoring.py")}


def _inspect(export: Export) -> dict[str, str]:
    task = _shipped("inspect_task.py").replace("hf_capacity_task", export.name)
    settings = {"max_tokens": export.max_new_tokens, "line_end": export.line_end}
    model = {"do_sample": False, "chat_template": AS_IT_IS}
    return {
        "task.py": task,
        "settings.json": json.dumps(settings) + "\n",
        "model.yaml": yaml.safe_dump(model, sort_keys=False),
    }


def _shipped(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


HARNESSES: dict[str, Callable[[Export], dict[str, str]]] = {"lm-eval": _lm_eval, "inspect": _inspect}
