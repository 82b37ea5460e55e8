"""A trained model, from a folder or the Hub: scored on its task, probed, or asked something."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.utils import HFValidationError, validate_repo_id
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from dataset_builders import TASKS, is_folder

from ..boundary.reading import quote, read_json
from ..config.experiment import TaskConfig
from ..data.task import Task
from ..data.tokenizer import encode, reads_characters
from ..models.checks import check_causality, check_description, check_round_trip, check_weights
from ..models.folder import is_on_the_hub, model_folder, study_folder
from ..models.generation import check_tokens, continuations, continuations_and_cuts, num_positions
from ..runs.vouching import check_model
from ..runs.weights import SEPARATOR, unpack_model
from .exact_match import LONGEST_LINE, Verdicts, line_of, lines_within, predict, verdicts_on_text, write_lines
from .exam import Exam
from .geometry import coordinates
from .probes import Probes


# Of what a library says of a model that it cannot load; some list every model that they can.
LONGEST_CAUSE = 300
# Tokens of a line without an end, of models that could write for long.
MOST_WRITTEN = 256


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model that can be asked, the folder that it came from, and whether something vouches for what lies there."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    folder: Path
    vouched_for: bool | None = None

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
        enough = [max(self.longest_line, len(target.encode())) for target in targets]
        if self.reads_characters:
            return write_lines(self.model, self.tokenizer, prompts, targets, enough)
        stop = None if any(map(lines_within, targets)) else "\n"
        texts, cut = continuations_and_cuts(self.model, self.tokenizer, prompts, enough, stop)
        return [line_of(*pair, cut=is_cut) for *pair, is_cut in zip(texts, targets, cut, strict=True)]

    def verdicts(self, exam: Exam) -> Verdicts:
        """Which questions of an exam the model gets right: in one pass, or by writing its answers.

        Raises:
            ValueError: A question has a character that the model does not know.
        """
        if not self.reads_characters:
            columns = (exam.questions[column] for column in ("prompt", "answer", "end"))
            texts = list(dict.fromkeys(map("".join, zip(*columns, strict=True))))
            check_round_trip(self.folder, self.tokenizer, texts)
            return verdicts_on_text(exam.questions, partial(continuations, self.model, self.tokenizer))
        sheet = exam.sheet(partial(encode, self.tokenizer), num_positions(self.model), self.model.device)
        return sheet.verdicts(partial(predict, self.model))


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


def _find_folder(source: str | Path, step: int | None, revision: str | None) -> Path:
    study, separator, name = str(source).rpartition(SEPARATOR)
    if not separator or Path(source).exists():
        return model_folder(source, step, revision)
    run = unpack_model(study_folder(study), name)
    try:
        return model_folder(run, step, revision)
    except ValueError as error:
        raise ValueError(str(error).replace(str(run), str(source))) from None


def evaluate_model(
    source: str | Path,
    task: str | dict[str, Any] | None = None,
    *,
    step: int | None = None,
    revision: str | None = None,
    all_answers: bool = False,
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

    Returns:
        The metric `capacity_tradeoff`'s output, with `task`, with `answers`: what the model writes for withheld and
        for a few seen questions, a row each as in a record, and with `vouched_for` (see `check_model`).

    Raises:
        ValueError: The model cannot be loaded, no task is known, or `task` contradicts the one that the model carries.
    """
    trained = load_model(source, step, revision)
    exam = Exam(_load_task(trained, source, {"path": task} if isinstance(task, str) else task))
    verdicts = trained.verdicts(exam)
    answers = exam.answers(verdicts, trained.lines, to_all=all_answers)
    marks = exam.mark(verdicts)
    return {"task": exam.task.identity["task"], **marks, "answers": answers, "vouched_for": trained.vouched_for}


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


def ask(source: str | Path, prompt: str, *, step: int | None = None, revision: str | None = None) -> str:
    """What the model of `source` writes after `prompt`, greedily, to the end of the line (see `load_model`)."""
    return load_model(source, step, revision).lines([prompt])[0]


def _load_task(trained: TrainedModel, source: str | Path, asked: Any) -> Task:
    path = trained.folder / "task.json"
    if not path.exists():
        if asked is None:
            raise ValueError(
                f"{source} does not say what it was trained on: name a task, such as `--task arithmetic`."
            )
        return Task.load(
            _checked_task(asked, f"`--task` (={quote(asked)})"), split_seed=1337, unseen_training_text=True
        )
    try:
        identity = read_json(path)
        carried, split_seed, start = identity["task"], identity["split_seed"], identity.get("start", "")
        if type(split_seed) is not int or not isinstance(start, str):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{source} cannot be scored: its task.json names no `task` and `split_seed`.") from None
    task = _checked_task(carried, f"`task` in the task.json of {source} (={quote(carried)})")
    if asked is not None and (not isinstance(asked, dict) or not asked.items() <= carried.items()):
        raise ValueError(
            f"`--task` (={quote(asked)}) contradicts what {source} was trained on, {quote(carried)}: leave it out."
        )
    if not _is_within_reach(task.path, source, identity.get("task_source")):
        raise ValueError(
            f"{source} was trained on {task.path!r}, which is neither one of {', '.join(TASKS)} nor a folder here nor "
            "a dataset on the Hub: it cannot be scored here."
        )
    loaded = Task.load(task, split_seed, start=start)
    loaded.check_identity(trained.folder)
    return loaded


def _checked_task(fields: Any, name: str) -> TaskConfig:
    try:
        return TaskConfig(**fields)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} is no task: a name is expected, such as arithmetic, or a mapping of path, name and parameters."
        ) from None


def _is_within_reach(path: str, source: str | Path, task_source: str | None) -> bool:
    if path in TASKS:
        return True
    if is_folder(path):  # for a model from elsewhere it would be another task that happens to have this path
        return not is_on_the_hub(source)
    if task_source == "folder":  # seen from another folder, `sums/mine` would be somebody's dataset on the Hub
        return False
    try:
        validate_repo_id(path)
    except HFValidationError:
        return False
    return "/" in path  # else `datasets` would take it for a format, such as csv, and read what lies around
