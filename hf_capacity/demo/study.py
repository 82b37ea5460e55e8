"""What a study's folder holds for the page: its ladders, the seeds of their runs, kept checkpoints, questions."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..analysis.cells import Ladder, Record, cells_of, ladders_of
from ..config.experiment import SEEDS, ExperimentConfig, TaskConfig
from ..data.task import Task
from ..runs.claim import read_arms, read_description
from ..runs.kept import load_records
from ..runs.records import read_curve
from ..runs.schema import KEPT_WEIGHTS
from ..runs.weights import unpack_study


# A row of a task's questions: `prompt`, `answer`, `end`, `kind`, `ability`, and whether the model has `seen` it.
Question = dict[str, Any]


class Study:
    """The finished runs of a folder, grouped for the page.

    Args:
        folder: The study's folder, such as `runs/quick`, or that of a kept one with its weights.

    Raises:
        ValueError: It is no study's folder, has no finished run, or only records without their models.
    """

    def __init__(self, folder: Path):
        folder = Path(folder)
        if (folder / KEPT_WEIGHTS).exists():
            folder = unpack_study(folder)
        if (folder / "config.yaml").exists():
            raise ValueError(f"{folder} is one run: name its study's folder, {folder.resolve().parent}.")
        records = load_records(folder)
        if not records:
            raise ValueError(
                f"{folder} has no finished run: train some with `hf-capacity run STUDY`, or wait for one."
            )
        if not any((record["folder"] / "model.safetensors").exists() for record in records):
            raise ValueError(
                f"{folder} has records but no models (no model.safetensors): "
                "train them with `hf-capacity run STUDY --output NEW_FOLDER`, and name that one."
            )
        self.name: str = records[0]["study"]
        self.description = read_description(folder)
        # By what their models were trained on: the ladders, and the steps of the checkpoints that all their runs kept.
        self._arms = read_arms(folder)
        ladders = ladders_of(cells_of(records, self._arms))
        self.ladders: dict[str, Ladder] = {ladder.title: ladder for ladder in ladders}
        self.kept_steps = {title: _kept_steps(_runs(ladder)) for title, ladder in self.ladders.items()}

    def step(self, trained_on: str, checkpoint: int) -> int | None:
        """The step of a place among a ladder's kept checkpoints, from 1 on; behind the last, the end of training."""
        steps = self.kept_steps[trained_on]
        return steps[checkpoint - 1] if checkpoint <= len(steps) else None

    def ladder_at(self, trained_on: str, checkpoint: int) -> tuple[Ladder, int | None]:
        """A ladder as it was at a place among its kept checkpoints, by the learning curves of its runs.

        Returns:
            The ladder and the step; the ladder at the end of training, and None, also where a run was not evaluated
            at the checkpoint.
        """
        ladder, step = self.ladders[trained_on], self.step(trained_on, checkpoint)
        then = [
            run | {"last": run["last"] | row}
            for run in _runs(ladder)
            for row in read_curve(run["folder"])
            if row["step"] == step
        ]
        if len(then) < len(_runs(ladder)):
            return ladder, None
        [ladder] = ladders_of(cells_of(then, self._arms))
        return ladder, step

    def seeds(self, trained_on: str) -> list[str]:
        """The seeds that runs of a ladder have, as the page lists them: a model has one run for each, or none."""
        return list(dict.fromkeys(map(_seeds, _runs(self.ladders[trained_on]))))

    def runs(self, trained_on: str, seeds: str) -> list[Record]:
        """The rungs of a ladder, small models first: the record of each one's run with these seeds.

        Raises:
            ValueError: No model has one.
        """
        runs = [record for record in _runs(self.ladders[trained_on]) if _seeds(record) == seeds]
        if not runs:
            raise ValueError(f"No model trained on {trained_on} has a run with {seeds}: choose another run.")
        return runs


def find_questions(run: Record, prompt: str) -> list[Question]:
    """The questions that a prompt is to a run's model, if it is one; a space at its end may be left out.

    Raises:
        ValueError: The task cannot be loaded, or has changed since.
    """
    questions = _questions(run)
    exact = [question for question in questions if question["prompt"] == prompt]
    return exact or [question for question in questions if question["prompt"].rstrip() == prompt]


def example_prompts(run: Record) -> dict[str, str]:
    """A question of each sort, withheld ones first and facts last; each with what it is, for a person to click on.

    Raises:
        ValueError: As in `find_questions`.
    """
    groups: dict[tuple, list[str]] = {}
    for question in _questions(run):
        place = question["seen"], question["ability"] == "fact", question["kind"]
        groups.setdefault(place, []).append(question["prompt"])
    # The middle one: the first ones of a task are its dullest.
    return {groups[place][len(groups[place]) // 2]: _sort(*place[:2]) for place in sorted(groups)}


def _questions(run: Record) -> list[Question]:
    config = ExperimentConfig.from_dict(run["config"])
    task = _load_task(json.dumps(run["config"]["task"]), config.split_seed, config.start, config.lines_before)
    task.check_identity(run["folder"])
    return [dict(zip(task.questions, row, strict=True)) for row in zip(*task.questions.values(), strict=True)]


@lru_cache(maxsize=64)
def _load_task(task: str, split_seed: int, start: str, lines_before: int) -> Task:
    return Task.load(TaskConfig(**json.loads(task)), split_seed, start=start, lines_before=lines_before)


def _runs(ladder: Ladder) -> list[Record]:
    return [record for cell in ladder.cells for record in cell.records]


def _seeds(record: Record) -> str:
    return ", ".join(f"{name} {record['config'][name]}" for name in SEEDS)


def _kept_steps(runs: list[Record]) -> list[int]:
    """The steps at which every one of the runs kept its weights, but not the last step."""
    kept = [
        {int(path.parent.name.removeprefix("step-")) for path in run["folder"].glob("step-[0-9]*/model.safetensors")}
        for run in runs
    ]
    return sorted(set.intersection(*kept) - {run["last"]["step"] for run in runs})


def _sort(seen: bool, is_fact: bool) -> str:
    if not seen:
        return "withheld"
    return "fact" if is_fact else "seen"
