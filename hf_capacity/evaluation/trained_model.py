"""A trained model, from a folder or the Hub, as it can be asked: its answers, and its verdicts on an exam."""

import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from ..boundary.reading import read_json
from ..data.tokenizer import encode, reads_characters
from ..models.checks import check_causality, check_description, check_round_trip, check_weights
from ..models.folder import model_folder, study_folder
from ..models.generation import check_tokens, continuations, continuations_and_cuts, num_positions
from ..runs.vouching import check_model
from .exact_match import LONGEST_LINE, Verdicts, line_of, lines_within, predict, verdicts_on_text, write_lines


if TYPE_CHECKING:  # with it comes what loads tasks, which a model that is only asked does without
    from .exam import Exam

# Of what a library says of a model that it cannot load; some list every model that they can.
LONGEST_CAUSE = 300
# Tokens of a line without an end, of models that could write for long.
MOST_WRITTEN = 256


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model that can be asked.

    Args:
        model: The model.
        tokenizer: Its own.
        folder: Where it came from.
        vouched_for: Whether something vouches for what lies there.
        batch_size: The most questions that go through the model at once.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    folder: Path
    vouched_for: bool | None = None
    batch_size: int = sys.maxsize

    @cached_property
    def reads_characters(self) -> bool:
        """Whether one character is one token, so that its answers need not be generated to be judged."""
        return reads_characters(self.tokenizer)

    @cached_property
    def start(self) -> str:
        """What the model was always given before a line, as the `task.json` that travels with it says."""
        try:
            return str(read_json(self.folder / "task.json").get("start", ""))
        except (OSError, ValueError, AttributeError):
            return ""

    @property
    def longest_line(self) -> int:
        """How many tokens are written of a line that does not end, unless more are asked for."""
        return max(LONGEST_LINE, min(num_positions(self.model), MOST_WRITTEN))

    def lines(self, prompts: Sequence[str], targets: Sequence[str] = ()) -> list[str]:
        """What the model writes after each prompt, greedily, to the end of the line; what is cut says so.

        Args:
            prompts: What to go on from.
            targets: The right answers with their end marks, of which none is cut.

        Raises:
            ValueError: A prompt is empty, or has a character that the model does not know.
        """
        if not all(prompts):
            raise ValueError("the prompt is empty: give the model something to go on from, such as '<5+7='.")
        prompts = [self.start + prompt for prompt in prompts]
        targets = targets or [""] * len(prompts)
        parts = self._parts(len(prompts))
        return [line for part in parts for line in self._lines(prompts[part], targets[part])]

    def _lines(self, prompts: Sequence[str], targets: Sequence[str]) -> list[str]:
        enough = [max(self.longest_line, len(target.encode())) for target in targets]
        if self.reads_characters:
            return write_lines(self.model, self.tokenizer, prompts, targets, enough)
        stop = None if any(map(lines_within, targets)) else "\n"
        texts, cut = continuations_and_cuts(self.model, self.tokenizer, prompts, enough, stop)
        return [line_of(*pair, cut=is_cut) for *pair, is_cut in zip(texts, targets, cut, strict=True)]

    def verdicts(self, exam: "Exam") -> Verdicts:
        """Which questions of an exam the model gets right: in one pass, or by writing its answers.

        Raises:
            ValueError: A question has a character that the model does not know.
        """
        if not self.reads_characters:
            columns = (exam.questions[column] for column in ("prompt", "answer", "end"))
            texts = list(dict.fromkeys(map("".join, zip(*columns, strict=True))))
            check_round_trip(self.folder, self.tokenizer, texts)
            return verdicts_on_text(exam.questions, self._continuations)
        sheet = exam.sheet(partial(encode, self.tokenizer), num_positions(self.model), self.model.device)
        return sheet.verdicts(self._predict)

    def _continuations(self, prompts: Sequence[str], enough: Sequence[int]) -> list[str]:
        parts = self._parts(len(prompts))
        written = [continuations(self.model, self.tokenizer, prompts[part], enough[part]) for part in parts]
        return [text for texts in written for text in texts]

    def _predict(self, rows_RT: torch.Tensor) -> torch.Tensor:
        return torch.cat([predict(self.model, rows_RT[part]) for part in self._parts(len(rows_RT))])

    def _parts(self, number: int) -> list[slice]:
        """Which questions go through the model together, of so many."""
        return [slice(start, start + self.batch_size) for start in range(0, number, self.batch_size)]


def load_model(source: str | Path, step: int | None = None, revision: str | None = None) -> TrainedModel:
    """Loads any causal language model, in float32, with its tokenizer; only safetensors, and no code of its own.

    Args:
        source: A run's folder, any folder of a causal language model, a Hub id, or a kept study and one of its models,
            such as `model_cards/quick#arithmetic-n14`.
        step: The step of a kept checkpoint; by default the last one.
        revision: Of a model on the Hub, a branch, tag or commit; by default `main`.

    Raises:
        ValueError: There is no such model, or it is not one that can be scored here.
    """
    folder = _find_folder(source, step, revision)
    vouched_for = check_model(folder)
    check_description(source, folder)
    transformers.utils.logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model, found = AutoModelForCausalLM.from_pretrained(
            folder,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,  # in fewer bits, what else is in a batch would decide between near ties
            output_loading_info=True,
        )
        is_of_characters = reads_characters(tokenizer)
    except Exception as error:  # somebody else's files can be wrong in any way
        cause = textwrap.shorten(str(error), LONGEST_CAUSE)
        raise ValueError(f"{source} cannot be loaded as a causal language model: {cause}") from error
    check_weights(source, model, found)
    check_causality(source, model.eval())
    if is_of_characters:  # other tokenizers may have tokens to spare: theirs are checked when they are used
        check_tokens(model, tokenizer.get_vocab().values())
    # Greedy, whatever a model comes with: penalties, several beams, forced tokens.
    model.generation_config = GenerationConfig(eos_token_id=model.generation_config.eos_token_id)
    return TrainedModel(model=model, tokenizer=tokenizer, folder=folder, vouched_for=vouched_for)


def ask(source: str | Path, prompt: str, *, step: int | None = None, revision: str | None = None) -> str:
    """What the model of `source` writes after `prompt`, greedily, to the end of the line (see `load_model`)."""
    return load_model(source, step, revision).lines([prompt])[0]


def _find_folder(source: str | Path, step: int | None, revision: str | None) -> Path:
    study, separator, name = str(source).rpartition("#")
    if not separator or Path(source).exists():
        return model_folder(source, step, revision)
    from ..runs.weights import unpack_model  # which loads what reads tables

    run = unpack_model(study_folder(study), name)
    try:
        return model_folder(run, step, revision)
    except ValueError as error:
        raise ValueError(str(error).replace(str(run), str(source))) from None
