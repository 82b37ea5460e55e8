"""A task as a run needs it: what is read, what is asked, and what both are known by."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_builders import demanded_bits, load_task, numerals, task_source
from dataset_builders.building import drawn_order

from ..boundary.reading import read_json
from ..boundary.writing import Damaged, write_atomically
from ..config.experiment import TaskConfig
from .run_checks import TaskSizes, sizes_of_task


@dataclass(frozen=True, kw_only=True)
class Task:
    """The text that a model is trained on, and the questions that it is asked.

    Args:
        text: All training lines, joined.
        lines: The training lines: columns `text`, `prompt`, `answer`, `end`, `kind`, `ability`.
        questions: Columns `prompt`, `answer`, `end`, `kind`, `ability`, `seen` and whatever else the task has.
        start: What stands before each question when a model is asked.
        source: Where the task came from: `packaged`, `folder` or `hub`.
        notes: What was left out when it was loaded.
        demand: The entropy of what can be memorised, where it is known by construction.
        sizes: What decides whether a run fits the task.
        identity: What travels with a model as `task.json`: config, split seed and a digest of text and questions.
    """

    text: str
    lines: Any
    questions: Mapping[str, Sequence[Any]]
    start: str
    source: str
    notes: Mapping[str, Any]
    demand: Any
    sizes: TaskSizes
    identity: Mapping[str, Any]

    @classmethod
    def load(
        cls,
        config: TaskConfig,
        split_seed: int,
        *,
        start: str = "",
        lines_before: int = 0,
        unseen_training_text: bool = False,
    ) -> "Task":
        """Loads a task.

        Args:
            config: The task.
            split_seed: As in the config of the run.
            start: What stands first when a model is asked.
            lines_before: How many whole lines of the text stand then, before the question: drawn by `split_seed`, the
                same for every question.
            unseen_training_text: For a model of which nobody knows what it has read: its questions are neither seen
                nor withheld.

        Raises:
            ValueError: The task cannot be loaded.
        """
        splits = load_task(config.path, config.name, split_seed=split_seed, leaks=config.leaks, **config.parameters)
        demand = demanded_bits(config.path, config.name, split_seed=split_seed, **config.parameters)
        text, source = "".join(splits["train"]["text"][:]), task_source(config.path)
        start += _drawn_lines(splits["train"]["text"][:], lines_before, split_seed)
        questions = {column: splits["questions"][column][:] for column in splits["questions"].column_names}
        content = json.dumps([text, questions], sort_keys=True).encode()
        identity = {
            "task": config.to_dict(),
            "split_seed": split_seed,
            "digest": hashlib.sha256(content).hexdigest(),
            **({"start": start} if start else {}),
            **({"task_source": source} if source != "packaged" else {}),
        }
        if unseen_training_text:
            questions["seen"] = [None] * len(questions["seen"])
        return cls(
            text=text,
            lines=splits["train"].select_columns(["text", "prompt", "answer", "end", "kind", "ability"]),
            questions=questions,
            start=start,
            source=source,
            notes=splits.notes,
            demand=demand,
            sizes=sizes_of_task(config.path, splits, demand, numerals(config.path, config.name, **config.parameters)),
            identity=json.loads(json.dumps(identity)),  # as it will be read again: tuples are lists there
        )

    @property
    def alphabet(self) -> str:
        """All characters of the text, and those that it might have had: without these an alphabet would give away
        some of the bits."""
        return "".join(sorted(self.sizes.alphabet))

    @property
    def line_end(self) -> str | None:
        """The character that ends every line, and stands in no prompt and no answer: a model that writes it is done.
        None where there is no such character."""
        ends = {line[-1:] for line in self.lines["text"][:]}
        asked = {*"".join(self.questions["prompt"]), *"".join(self.questions["answer"])}
        return ends.pop() if len(ends) == 1 and not ends & asked else None

    @property
    def answer_ends(self) -> set[str]:
        """The characters that end answers and stand in none: a model trained on answers alone is done after them."""
        return {end[-1] for end in self.questions["end"] if end} - {*"".join(self.questions["answer"])}

    @property
    def rates(self) -> set[str]:
        """The rates that its questions have, and those of each kind of question: `extrapolation of subtraction`."""
        found = set()
        columns = (self.questions[column] for column in ("ability", "seen", "kind"))
        for ability, seen, kind in set(zip(*columns, strict=True)):
            rate = {("rule", True): "fit", ("rule", False): "extrapolation", ("fact", True): "recall"}.get(
                (ability, seen)
            )
            found |= {rate, f"{rate} of {kind}"} if rate else set()
        return found

    @property
    def lines_per_item(self) -> float:
        """How many training lines each item to be memorised has, on average."""
        return sum(kind in self.demand.kinds for kind in self.lines["kind"][:]) / self.demand.num_items

    def write_identity(self, folder: Path) -> None:
        """Writes `task.json`, so that whoever finds the model knows what it has seen."""
        write_atomically(folder / "task.json", json.dumps(self.identity, indent=1) + "\n")

    def check_identity(self, folder: Path) -> None:
        """Checks that the model in `folder` was trained on this very text and asked these very questions.

        Raises:
            Damaged: It was not; the task has changed since, for example.
        """
        path = folder / "task.json"
        try:
            identity = dict(read_json(path))
        except (OSError, ValueError, TypeError):
            raise Damaged(f"{path} is missing or not readable as JSON.") from None
        # Where a task came from was not always written down, and does not change what it holds.
        if identity | {"task_source": None} != {**self.identity, "task_source": None}:
            raise Damaged(f"{path} names another task than {self.identity['task']}, or its text has changed since.")


def _drawn_lines(lines: Sequence[str], number: int, split_seed: int) -> str:
    order = drawn_order(len(lines), f"before-questions-{split_seed}") if number else ()
    return "".join(lines[place] for place in order[:number])
