"""Asks and scores a task of hf_capacity in lm-evaluation-harness, each question as `hf-capacity evaluate` does."""

import json
from pathlib import Path
from typing import Any

from datasets import Dataset


def questions(**_: Any) -> dict[str, Dataset]:
    """The questions beside this file."""
    lines = Path(__file__).with_name("questions.jsonl").read_text(encoding="utf-8").splitlines()
    return {"test": Dataset.from_list([json.loads(line) for line in lines])}


def score(question: dict[str, Any], written: list[str]) -> dict[str, float]:
    """Whether a question is right, among all of them and among those of its rate."""
    line = written[0].partition(question["line_end"])[0]
    right = line == question["target"] if question["whole_line"] else line.startswith(question["target"])
    return {"exact_match": float(right), question["rate"]: float(right)}
