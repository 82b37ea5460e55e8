"""A trained model scored on its task, or probed."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..boundary.reading import quote
from ..data.task import Task
from .exam import Exam
from .geometry import coordinates
from .probes import Probes
from .task_of_model import TASK_FILE, check_task, task_of_model
from .trained_model import TrainedModel, load_model


def evaluate_model(
    source: str | Path,
    task: str | dict[str, Any] | None = None,
    *,
    step: int | None = None,
    revision: str | None = None,
    all_answers: bool = False,
    limit: int | None = None,
    batch_size: int | None = None,
) -> dict[str, Any]:
    """Scores a model on the questions of its task.

    What the model has seen is rebuilt from the `task.json` that travels with it. A model that carries none gets exact
    match only, on the task named.

    Args:
        source: As in `load_model`.
        task: A task name, or a mapping of `TaskConfig`'s fields. Only needed where the model carries none.
        step: As in `load_model`.
        revision: As in `load_model`.
        all_answers: What it writes for every question, not only for withheld and a few seen ones.
        limit: Ask only the first so many questions of each rate: seen and withheld ones, rules and facts.
        batch_size: The most questions that go through the model at once: by default all of one length. It decides
            how much memory is taken, not what is answered.

    Returns:
        The metric `capacity_tradeoff`'s output, with `task`, with `answers`: what the model writes for withheld and
        for a few seen questions, a row each as in a record, and with `vouched_for` (see `check_model`). Where `limit`
        left questions out also `asked`: how many were asked, and of how many.

    Raises:
        ValueError: The model cannot be loaded, no task is known, `task` contradicts the one that the model carries, or
            `limit` or `batch_size` is below 1.
    """
    for name, number in (("limit", limit), ("batch-size", batch_size)):
        if number is not None and number < 1:
            raise ValueError(f"`--{name}` (={number}) must be 1 or more.")
    trained = replace(load_model(source, step, revision), batch_size=batch_size or sys.maxsize)
    exam = Exam(_load_task(trained, source, {"path": task} if isinstance(task, str) else task), limit)
    verdicts = trained.verdicts(exam)
    answers = exam.answers(verdicts, trained.lines, to_all=all_answers)
    marks = exam.mark(verdicts)
    found = {"task": exam.task.identity["task"], **marks, "answers": answers, "vouched_for": trained.vouched_for}
    asked, known = len(exam.questions["prompt"]), len(exam.task.questions["prompt"])
    return found | ({"asked": [asked, known]} if asked < known else {})


def probe_model(
    source: str | Path,
    task: str | dict[str, Any] | None = None,
    *,
    step: int | None = None,
    revision: str | None = None,
) -> dict[str, Any]:
    """Reads off a model how it represents numbers (see `evaluation.probes`).

    Args:
        source: As in `load_model`. Its tokenizer reads each digit by itself.
        task: As in `evaluate_model`; one with numbers, such as `arithmetic`.
        step: As in `load_model`.
        revision: As in `load_model`.

    Returns:
        The probes that a record has, with `task`, `symbols` (the numerals, in order), `coordinates` (where the numbers
        lie in their two best directions, a pair each) and `vouched_for`. Of a model of which it is not known what it
        has seen there are no `linear_probes`.

    Raises:
        ValueError: As in `evaluate_model`; or the task has no numbers, or the tokenizer splits or merges digits.
    """
    trained = load_model(source, step, revision)
    exam = Exam(_load_task(trained, source, {"path": task} if isinstance(task, str) else task))
    probes = Probes(exam.task, trained.tokenizer, trained.model)
    return {
        "task": exam.task.identity["task"],
        "symbols": probes.numerals.symbols,
        **probes.everything(lambda: exam.mark(trained.verdicts(exam))["counts"]),
        "coordinates": coordinates(probes.embeddings(), 2).tolist(),
        "vouched_for": trained.vouched_for,
    }


def _load_task(trained: TrainedModel, source: str | Path, asked: Any) -> Task:
    if (trained.folder / TASK_FILE).exists():
        return task_of_model(trained.folder, source, asked)
    if asked is None:
        raise ValueError(f"{source} does not say what it was trained on: name a task, such as `--task arithmetic`.")
    return Task.load(check_task(asked, f"`--task` (={quote(asked)})"), split_seed=1337, unseen_training_text=True)
