"""What a model is asked: the questions of its task, what of them it has seen, and its verdicts as numbers."""

import functools
import hashlib
import json
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from dataset_builders import demanded_bits, load_task, task_source

from ..boundary.reading import read_json
from ..boundary.writing import Damaged, write_atomically
from ..config.experiment import ExperimentConfig, TaskConfig
from ..data.batches import line_rows
from ..data.curriculum import ability_of_windows
from ..data.run_checks import sizes_of_task
from ..metrics.capacity_tradeoff.scoring import floors, score
from .bits import BitsMeter, describe_bits
from .exact_match import TeacherForcing, Verdicts


# So many withheld questions, and seen ones of each kind, are told with what a model writes for them.
WITHHELD_TOLD, SEEN_TOLD = 50, 3
ASKED = ("prompt", "answer", "end", "kind")


class Exam:
    """The questions of a task, and the text that a model of it has read.

    Args:
        task: The task.
        split_seed: As in the config of the run.
        start: What a model of whole lines is given before each of them.
        unseen_training_text: For a model of which nobody knows what it has read: it gets exact match only.

    Raises:
        ValueError: The task cannot be loaded.
    """

    def __init__(self, task: TaskConfig, split_seed: int, *, start: str = "", unseen_training_text: bool = False):
        splits = load_task(task.path, task.name, split_seed=split_seed, leaks=task.leaks, **task.parameters)
        self.start, self.lines = start, splits["train"].select_columns(["text", "prompt", "answer", "kind", "ability"])
        self.text = "".join(splits["train"]["text"])
        self.notes, self.task_source = splits.notes, task_source(task.path)
        self.demand = demanded_bits(task.path, task.name, split_seed=split_seed, **task.parameters)
        self.sizes = sizes_of_task(task.path, splits, self.demand)
        # Also what the text happens to lack: an alphabet without it would tell some of the bits.
        self.alphabet = self.demand.alphabet if self.demand else ""
        self.questions = {column: splits["questions"][column][:] for column in splits["questions"].column_names}
        content = json.dumps([self.text, self.questions], sort_keys=True).encode()
        identity = {
            "task": task.to_dict(),
            "split_seed": split_seed,
            "digest": hashlib.sha256(content).hexdigest(),
            **({"start": start} if start else {}),
            **({"task_source": self.task_source} if self.task_source != "packaged" else {}),
        }
        self.identity = json.loads(json.dumps(identity))  # as it will be read again: tuples are lists there
        if unseen_training_text:
            self.questions["seen"] = [None] * len(self.questions["seen"])
        self._labels = {column: self.questions[column] for column in ("kind", "ability", "seen")}
        self._floors = floors(self.questions["prompt"], self.questions["answer"], **self._labels)
        self._published = papers_questions(self.questions)

    # What travels with a model, so that it is known what the model has seen.

    def write_identity(self, folder: Path) -> None:
        """Writes `task.json`."""
        write_atomically(folder / "task.json", json.dumps(self.identity, indent=1) + "\n")

    def check_identity(self, folder: Path) -> None:
        """Sees whether the model in `folder` was trained on this very text and asked these very questions.

        Raises:
            Damaged: It was not; the task has changed since, say.
        """
        path = folder / "task.json"
        try:
            identity = dict(read_json(path))
        except (OSError, ValueError, TypeError):
            raise Damaged(f"{path} is missing or not readable as JSON.") from None
        # Where a task came from was not always written down, and says nothing of what it holds.
        if identity | {"task_source": None} != self.identity | {"task_source": None}:
            raise Damaged(f"{path} names another task than {self.identity['task']}, or its text has changed since.")

    # Verdicts to numbers

    def sheet(self, encode: Callable[[str], list[int]], block_size: int, device: torch.device | str) -> TeacherForcing:
        """The questions laid out for one forward pass."""
        prompts = [self.start + prompt for prompt in self.questions["prompt"]]
        return TeacherForcing(self.questions | {"prompt": prompts}, encode, block_size, device)

    def line_rows(
        self, encode: Callable[[str], list[int]], block_size: int, device: torch.device | str
    ) -> torch.Tensor:
        """The training lines as rows, each after a newline (see `batches.line_rows`).

        Raises:
            ValueError: A line is longer than the block.
        """
        return line_rows(list(map(encode, self.lines["text"])), *encode("\n"), block_size).to(device)

    def ability_of_rows(self, config: ExperimentConfig) -> Sequence[str]:
        """Whether the rows that batches of a run are drawn from have lines of the rule or facts (see `Curriculum`)."""
        if config.batches == "lines":
            return self.lines["ability"][:]
        return ability_of_windows(self.lines["ability"][:], list(map(len, self.lines["text"])), config.block_size)

    def bits_meter(
        self, encode: Callable[[str], list[int]], block_size: int, device: torch.device | str
    ) -> BitsMeter | None:
        """What measures memorised bits, for a task whose entropy is known by construction."""
        if self.demand is None:
            return None
        return BitsMeter(self.demand, self.lines[:], encode, block_size, device)

    def bits(self, curve: list[dict[str, Any]], num_parameters: int, exposures: float) -> dict[str, Any]:
        """`bits` of a record: what was memorised, and how often each item was read; nothing without a known entropy.

        Args:
            curve: All rows of the learning curve.
            num_parameters: Of the model.
            exposures: How often it read each line, on average. An item may have several lines.
        """
        if self.demand is None:
            return {}
        losses = [row["loss"] for row in curve]
        lines_an_item = sum(kind in self.demand.kinds for kind in self.lines["kind"]) / self.demand.num_items
        exposures *= lines_an_item
        return {"bits": describe_bits(self.demand, curve[-1]["bits"], losses, num_parameters, exposures)}

    def mark(self, verdicts: Verdicts) -> dict[str, Any]:
        """Everything that the metric `capacity_tradeoff` says, the paper's own scoring, and the withheld one by one.

        `published_scoring` has `[correct, questions]` per kind on the questions that the paper scores, and nothing for
        other tasks than the paper's. `withheld` has each question by its prompt, or by prompt and answer where one
        prompt is asked for several; it is empty where they are too many to be told.
        """
        correct = verdicts.correct_Q.tolist()
        published: dict[str, list[int]] = {}
        for kind, right, counted in zip(
            self.questions["kind"], verdicts.published_Q.tolist(), self._published, strict=True
        ):
            if counted:
                tally = published.setdefault(kind, [0, 0])
                tally[0] += right
                tally[1] += 1
        withheld = {name: correct[place] for name, place in self.withheld.items()}
        return {
            **score(correct, **self._labels, floors=self._floors),
            "published_scoring": published,
            "withheld": withheld if len(withheld) <= WITHHELD_TOLD else {},
        }

    @cached_property
    def withheld(self) -> dict[str, int]:
        """The places of the withheld questions, by prompt, or by prompt and answer where a prompt has several."""
        prompts, answers = self.questions["prompt"], self.questions["answer"]
        places = [place for place, seen in enumerate(self.questions["seen"]) if seen is False]
        times = Counter(prompts[place] for place in places)
        found: dict[str, int] = {}
        for place in places:
            name = prompts[place] + (answers[place] if times[prompts[place]] > 1 else "")
            while name in found:  # they may differ in their ends alone, or be one text that is parted elsewhere
                name += " (another)"
            found[name] = place
        return found

    def answers(self, verdicts: Verdicts, write: Callable[[list[str], list[str]], list[str]]) -> list[dict[str, Any]]:
        """What is written for the first withheld questions, and for a few seen ones of each kind.

        Args:
            verdicts: Which questions the model gets right.
            write: Prompts and right answers, with their end marks, to what is shown of what the model writes.

        Returns:
            A row a question: `prompt`, the right `answer` with its end mark, `written`, `seen`, `right`.
        """
        seen_ones: dict[str, list[int]] = {}
        for place, (kind, seen) in enumerate(zip(self.questions["kind"], self.questions["seen"], strict=True)):
            if seen:
                seen_ones.setdefault(kind, []).append(place)
        told = [*self.withheld.values()][:WITHHELD_TOLD]
        told += [place for places in seen_ones.values() for place in places[:SEEN_TOLD]]
        prompts, answers, ends, seen = (
            [self.questions[column][place] for place in told] for column in ("prompt", "answer", "end", "seen")
        )
        targets = list(map(operator.add, answers, ends))
        written = write(prompts, targets) if told else []
        return [
            {
                "prompt": prompt,
                "answer": answer + end.rstrip(),
                "written": _without_end(text, answer),
                "seen": was_seen,
                "right": bool(verdicts.correct_Q[place]),
            }
            for prompt, answer, end, text, was_seen, place in zip(
                prompts, answers, ends, written, seen, told, strict=True
            )
        ]


def _without_end(text: str, answer: str) -> str:
    """What a model wrote, without the blanks that close a line: those of the right answer itself are none of them."""
    start = len(answer) if text.startswith(answer) else 0
    return text[:start] + text[start:].rstrip()


def papers_questions(questions: Mapping[str, Sequence[str]]) -> list[bool]:
    """Which questions the paper scores: all capitals, and sums a+-b whose b is at least 1 unless a is 0 (91 + 91).

    It scores questions of its own tasks alone, whichever of them are withheld: of a task that has others too, none.
    """
    asked = list(zip(*(questions[column] for column in ASKED), strict=True))
    papers = [those for those in _questions_of_the_paper() if len(those) == len(asked)]
    if not any(Counter(asked) == Counter(those) for those in papers):
        return [False] * len(asked)
    return [kind == "capital" or prompt[1] == "0" or prompt[3] != "0" for prompt, _, _, kind in asked]


@functools.cache
def _questions_of_the_paper() -> list[list[tuple[str, ...]]]:
    tables = [load_task(task, "paper")["questions"] for task in ("arithmetic", "capitals")]
    sums, capitals = (list(zip(*(table[column] for column in ASKED), strict=True)) for table in tables)
    return [sums, capitals, sums + capitals]
