"""What a model is asked, and its verdicts as numbers."""

import functools
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch

from dataset_builders import load_task

from ..data.task import Task
from ..metrics.capacity_tradeoff.scoring import floors, score
from .exact_match import TeacherForcing, Verdicts


# So many withheld questions, and seen ones of each kind, are shown with what a model writes for them.
WITHHELD_SHOWN, SEEN_SHOWN = 50, 3
ASKED = ("prompt", "answer", "end", "kind")


class Exam:
    """The questions of a task: laid out for a model, and marked.

    Args:
        task: The task.
        limit: Ask only the first so many questions of each rate.
    """

    def __init__(self, task: Task, limit: int | None = None):
        self.task, self.questions = task, first_questions(task.questions, limit)
        self._labels = {column: self.questions[column] for column in ("kind", "ability", "seen")}
        self._floors = floors(self.questions["prompt"], self.questions["answer"], **self._labels)
        self._is_papers = papers_questions(self.questions)

    def sheet(self, encode: Callable[[str], list[int]], block_size: int, device: torch.device | str) -> TeacherForcing:
        """The questions laid out for one forward pass."""
        prompts = [self.task.start + prompt for prompt in self.questions["prompt"]]
        return TeacherForcing({**self.questions, "prompt": prompts}, encode, block_size, device)

    def mark(self, verdicts: Verdicts) -> dict[str, Any]:
        """Everything that the metric `capacity_tradeoff` says, the paper's own scoring, and the withheld one by one.

        `published_scoring` has `[correct, questions]` per kind on the questions that the paper scores, and nothing for
        other tasks than the paper's. `withheld` has each question by its prompt, or by prompt and answer where one
        prompt is asked for several; it is empty where they are too many to be listed.
        """
        correct = verdicts.correct_Q.tolist()
        papers: dict[str, list[int]] = {}
        for kind, right, counted in zip(
            self.questions["kind"], verdicts.papers_Q.tolist(), self._is_papers, strict=True
        ):
            if counted:
                tally = papers.setdefault(kind, [0, 0])
                tally[0] += right
                tally[1] += 1
        withheld = {name: correct[place] for name, place in self.withheld.items()}
        return {
            **score(correct, **self._labels, floors=self._floors),
            "published_scoring": papers,
            "withheld": withheld if len(withheld) <= WITHHELD_SHOWN else {},
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

    def answers(
        self, verdicts: Verdicts, write: Callable[[list[str], list[str]], list[str]], *, to_all: bool = False
    ) -> list[dict[str, Any]]:
        """What is written for the first withheld questions, and for a few seen ones of each kind.

        Args:
            verdicts: Which questions the model gets right.
            write: Prompts and right answers, with their end marks, to what is shown of what the model writes.
            to_all: For every question instead, in the order of the task.

        Returns:
            A row a question: `prompt`, the right `answer` with its end mark, `written`, `seen`, `right`.
        """
        seen_ones: dict[str, list[int]] = {}
        for place, (kind, seen) in enumerate(zip(self.questions["kind"], self.questions["seen"], strict=True)):
            if seen:
                seen_ones.setdefault(kind, []).append(place)
        places = [*self.withheld.values()][:WITHHELD_SHOWN]
        places += [place for of_kind in seen_ones.values() for place in of_kind[:SEEN_SHOWN]]
        places = list(range(len(self.questions["prompt"]))) if to_all else places
        prompts, answers, ends, seen = (
            [self.questions[column][place] for place in places] for column in ("prompt", "answer", "end", "seen")
        )
        written = write(prompts, list(map(operator.add, answers, ends))) if places else []
        return [
            {
                "prompt": prompt,
                "answer": answer + end.rstrip(),
                "written": _without_end(text, answer),
                "seen": was_seen,
                "right": bool(verdicts.correct_Q[place]),
            }
            for prompt, answer, end, text, was_seen, place in zip(
                prompts, answers, ends, written, seen, places, strict=True
            )
        ]


def _without_end(text: str, answer: str) -> str:
    """What a model wrote, without the blanks that close a line: those of the right answer itself are none of them."""
    start = len(answer) if text.startswith(answer) else 0
    return text[:start] + text[start:].rstrip()


def first_questions(questions: Mapping[str, Sequence[Any]], limit: int | None) -> Mapping[str, Sequence[Any]]:
    """The first so many questions of each ability, seen and withheld, in their order; all without a limit."""
    if limit is None:
        return questions
    asked: Counter[tuple[str, bool | None]] = Counter()
    places = []
    for place, split in enumerate(zip(questions["ability"], questions["seen"], strict=True)):
        asked[split] += 1
        if asked[split] <= limit:
            places.append(place)
    return {column: [values[place] for place in places] for column, values in questions.items()}


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
