"""A task as a dataset repository, and as a benchmark on the Hub."""

import re
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import yaml

from dataset_builders import TASKS, QuestionBuilder, QuestionConfig
from dataset_builders.building.cards import dataset_card

from ..boundary.reading import quote
from ..metrics.capacity_tradeoff.scoring import RATES
from .repository import MARK, Repository, Revision, check_name, check_owner


def dataset_repository(task: str, namespace: str, name: str | None = None) -> Repository:
    """A task as a dataset repository: its card, what makes a benchmark of it, the files of its named configs, and its
    builder as their source.

    Args:
        task: One of `dataset_builders.TASKS`.
        namespace: The user or organisation that publishes it.
        name: The repository's name; by default what studies call the task.

    Raises:
        ValueError: There is no such task.
    """
    if task not in TASKS:
        raise ValueError(f"there is no task {quote(task)}: publish one of {', '.join(TASKS)}.")
    builder = TASKS[task]
    own_id = f"{check_owner(namespace)}/{builder.repository_name()}"
    repo_id = f"{namespace}/{check_name('--name', name)}" if name else own_id
    folder = builder.folder()
    files: dict[str, bytes | Path] = {
        "README.md": dataset_card(builder, repo_id).encode(),
        "eval.yaml": benchmark(builder).encode(),
    }
    paths = [*sorted(folder.glob("*.py")), *sorted((folder / "data").rglob("*.jsonl"))]
    files |= {path.relative_to(folder).as_posix(): path for path in paths}
    marks = (MARK, f"task:{own_id.split('/')[1]}")
    revisions = (Revision(name="main", files=files),)
    return Repository(repo_id=repo_id, repo_type="dataset", marks=marks, revisions=revisions)


def benchmark(builder: type[QuestionBuilder]) -> str:
    """The file `eval.yaml` of a task: the ids that the `.eval_results` of models name, and how Inspect asks them.

    Args:
        builder: The task's. Of its configs those count that have files, which alone are published.
    """
    committed = [config for config in builder.BUILDER_CONFIGS if (builder.folder() / "data" / config.name).exists()]
    content = {
        "name": builder.title,
        "description": "Exact match of the answer with its end mark, in greedy decoding: exact_match over all "
        "questions, fit over rule questions that were read, extrapolation over withheld ones, recall over facts. "
        "`ability` and `seen` come with each question and say which it is.",
        "evaluation_framework": "inspect-ai",
        "tasks": [task for config in committed for task in _tasks_of(builder, config)],
    }
    return yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True)


def _tasks_of(builder: type[QuestionBuilder], config: QuestionConfig) -> list[dict[str, Any]]:
    questions = builder.build(config)["questions"]
    asked = set(zip(questions["ability"].to_pylist(), questions["seen"].to_pylist(), strict=True))
    ends = "|".join(map(_end_pattern, pc.unique(questions["end"]).to_pylist()))
    longest = pc.max(pc.add(pc.utf8_length(questions["answer"]), pc.utf8_length(questions["end"]))).as_py()
    rates = ["exact_match", *(rate for rate, part in RATES.items() if part in asked)]
    return [
        {
            "id": f"{config.name}_{rate}",
            "config": config.name,
            "split": "questions",
            "field_spec": {"input": "prompt", "target": "answer", "metadata": ["kind", "ability", "seen"]},
            "solvers": [{"name": "generate", "args": {"max_tokens": longest}}],
            "scorers": [{"name": "pattern", "args": {"pattern": f"^(.*?)(?:{ends})", "ignore_case": False}}],
        }
        for rate in rates
    ]


def _end_pattern(end: str) -> str:
    """Where an answer ends: at its end mark; a newline that ends the text is decoded to nothing."""
    return re.escape(end.removesuffix("\n")) + (r"(?:\n|\Z)" if end.endswith("\n") else "")
