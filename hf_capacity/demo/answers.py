"""What the models of a ladder write after a prompt, how sure they are of each character, and whether it is right."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch

from ..analysis.cells import Record
from ..analysis.labels import model_label
from ..data.tokenizer import encode
from ..evaluation.exact_match import line_ends, lines_within
from ..evaluation.trained_model import TrainedModel, load_model
from .study import Question, find_questions


class Character(NamedTuple):
    """A character that a model wrote, and the probability that it gave it."""

    text: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one model made of a prompt.

    Args:
        model: What tables call the model.
        num_parameters: Its size.
        prompt: What it was given.
        written: The characters, to the end of the line.
        questions: Those that the prompt is to this very model: several where it has several right answers.
        fault: Instead of all that: why the model cannot be asked.
    """

    model: str
    num_parameters: int
    prompt: str
    written: list[Character] = field(default_factory=list)
    questions: Sequence[Question] = ()
    fault: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the model writes a right answer and its end mark, as in an evaluation."""
        return any(map(self.answers, self.questions))

    @property
    def question(self) -> Question | None:
        """The question that was asked, if one was; of several, the one that the model gets right."""
        return next(filter(self.answers, self.questions), next(iter(self.questions), None))

    @property
    def is_cut(self) -> bool:
        """Whether the line did not end: more would have come."""
        return bool(self.written) and self.written[-1].text != "\n"

    def answers(self, question: Question) -> bool:
        """Whether the line is that question's."""
        line = self.prompt + "".join(character.text for character in self.written)
        return line.startswith(question["prompt"] + question["answer"] + question["end"])


def answer(run: Record, prompt: str, step: int | None) -> Answer:
    """Asks a run's model, as it was after `step` steps or, by default, at the end.

    Raises:
        ValueError: The prompt is empty, or has a character that the model does not know.
    """
    if not prompt:
        raise ValueError("The prompt is empty: type the beginning of a line, or take an example.")
    rung = {"model": model_label(run), "num_parameters": run["num_parameters"], "prompt": prompt}
    try:
        trained, questions = _loaded(run["folder"], step), find_questions(run, prompt)
    except ValueError as error:
        return Answer(**rung, fault=str(error))
    targets = [question["answer"] + question["end"] for question in questions]
    written = write_with_confidence(trained, prompt, max(targets, key=len, default=""))
    return Answer(**rung, written=written, questions=questions)


@torch.no_grad()
def write_with_confidence(trained: TrainedModel, prompt: str, target: str) -> list[Character]:
    """Greedy decoding as `evaluation.write` does it, and the probability of each character at its turn.

    Args:
        trained: The model.
        prompt: What it goes on from.
        target: A right answer, which is not to be cut.

    Raises:
        ValueError: The prompt has a character that the model does not know.
    """
    block_size = trained.model.config.max_position_embeddings
    ids, written = encode(trained.tokenizer, trained.start + prompt)[-block_size:], []
    longest, at_least = max(trained.longest_line, len(target)), lines_within(target)
    ends = line_ends(trained.model, trained.tokenizer)
    while len(written) < longest and not (len(written) > at_least and ids[-1] in ends):
        context = torch.tensor([ids[-block_size:]], device=trained.model.device)
        probabilities_V = trained.model(input_ids=context).logits[0, -1].float().softmax(-1)
        ids.append(int(probabilities_V.argmax()))
        written.append(Character(trained.tokenizer.decode(ids[-1:]), float(probabilities_V.max())))
    return written


@lru_cache(maxsize=32)
def _loaded(folder: Path, step: int | None) -> TrainedModel:
    return load_model(folder, step=step)
