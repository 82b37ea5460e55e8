"""Asks and scores a task of hf_capacity in Inspect, each question as `hf-capacity evaluate` does."""

import json
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, grouped, scorer
from inspect_ai.solver import TaskState, generate


HERE = Path(__file__).parent
SETTINGS = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))


@scorer(metrics=[grouped(accuracy(), "rate", all_label="exact_match")])
def line() -> Scorer:
    """Whether the line goes on as it has to."""

    async def score(state: TaskState, target: Target) -> Score:
        written = state.output.completion.partition(SETTINGS["line_end"])[0]
        right = written == target.text if state.metadata["whole_line"] else written.startswith(target.text)
        return Score(value=CORRECT if right else INCORRECT, answer=written)

    return score


@task
def hf_capacity_task() -> Task:
    """The questions beside this file."""
    rows = map(json.loads, (HERE / "questions.jsonl").read_text(encoding="utf-8").splitlines())
    samples = [
        Sample(
            input=row["prompt"],
            target=row["target"],
            id=number,
            metadata={name: row[name] for name in ("kind", "rate", "whole_line")},
        )
        for number, row in enumerate(rows, 1)
    ]
    return Task(
        dataset=samples,
        solver=generate(),
        scorer=line(),
        config=GenerateConfig(max_tokens=SETTINGS["max_tokens"]),
    )
