"""The figures of Barron & White (2025, arXiv 2506.09099) by cell; README.md beside them says how to read them."""

import csv
from importlib.resources import files


# In the order in which it has them.
TASKS_OF_THE_PAPER = ("arithmetic", "capitals", "both")
# Questions of each kind in the paper's own scoring.
NUM_QUESTIONS = {"addition": 91, "subtraction": 91, "capital": 50}

_ACCURACY_COLUMNS = {
    "addition": "addition_accuracy",
    "subtraction": "subtraction_accuracy",
    "capital": "facts_accuracy",
}
_CURVE_COLUMNS = {"arithmetic": "math_acc", "capitals": "facts_acc"}


def papers_accuracy(task: str, model: str) -> dict[str, float]:
    """The paper's accuracy of one cell, at the checkpoint that it chose.

    Args:
        task: What the model was trained on: `arithmetic`, `capitals` or `both`.
        model: Name of the rung: `n14`, `n28`, `n56` or `mlt`.

    Returns:
        Accuracy between 0 and 1 by kind of question; kinds that the task does not have are left out. Empty where
        the paper has no such cell.
    """
    for row in _read_rows("accuracy.csv"):
        if (row["task"], row["model"]) == (task, model):
            return {kind: float(row[column]) for kind, column in _ACCURACY_COLUMNS.items() if row[column]}
    return {}


def papers_curve(task: str, model: str) -> list[tuple[int, float]]:
    """The paper's learning curve of one cell.

    Args:
        task: What the model was trained on.
        model: Name of the rung.

    Returns:
        (step, accuracy between 0 and 1) every 250 steps, over all questions of the task, the withheld ones included.
        Empty where the paper shows no curve, as for every model trained on both tasks.
    """
    return [(int(row["iter"]), float(row[_CURVE_COLUMNS[task]])) for row in _curve_rows(task, model)]


def papers_loss(task: str, model: str) -> str | None:
    """The paper's training loss of one cell, in nats a character, with the digits known; None where there is none.

    At the last step where there is a curve; else as the results files of the joint models have it.
    """
    rows = _curve_rows(task, model)
    if rows:
        return f"{float(rows[-1]['train_loss']):.4f}"
    found = [row["train_loss"] for row in _read_rows("accuracy.csv") if (row["task"], row["model"]) == (task, model)]
    return found[0] or None if found else None


def _curve_rows(task: str, model: str) -> list[dict[str, str]]:
    if task not in _CURVE_COLUMNS or not papers_accuracy(task, model):
        return []
    return _read_rows(f"curves/{task}_{model}.csv")


def _read_rows(name: str) -> list[dict[str, str]]:
    with files(__package__).joinpath(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
