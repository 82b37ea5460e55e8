"""A trained model, from a folder or the Hub: scored on its task, or asked something."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from .config import TaskConfig
from .evaluation import LONGEST_LINE, predict, write
from .exam import Exam
from .tokenizer import encode


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model that can be asked, and the folder that it came from."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    folder: Path

    def answer(self, prompt: str) -> str:
        """What the model writes after `prompt`, greedily, to the end of the line.

        Raises:
            ValueError: The prompt is empty, or has a character that the model does not know.
        """
        if not prompt:
            raise ValueError("the prompt is empty: give the model something to go on from, such as '<5+7='.")
        newline = self.tokenizer.get_vocab().get("\n")
        return self.tokenizer.decode(write(self.model, encode(self.tokenizer, prompt), LONGEST_LINE, stop=newline))


def load_model(source: str | Path, step: int | None = None) -> TrainedModel:
    """Loads a model of single characters; only safetensors, and no code of the model's own.

    Args:
        source: A run's folder, any folder of a causal language model, or a Hub id.
        step: The step of a kept checkpoint; by default the last one.

    Raises:
        ValueError: There is no such model, or it is not one that can be scored here.
    """
    folder = _folder_of(str(source))
    if step is not None:
        kept = sorted(int(path.name.removeprefix("step-")) for path in folder.glob("step-*"))
        if step not in kept:
            raise ValueError(f"`--step` (={step}) was not kept in {source}: kept are {kept or 'none'}.")
        folder = folder / f"step-{step}"
    if not (folder / "config.json").exists():
        raise ValueError(f"{source} is no model: it has no config.json. {_likely_reason(folder)}".rstrip())
    if not (folder / "model.safetensors").exists():
        raise ValueError(f"{source} has no model.safetensors: pickled weights are not read, for they can run code.")
    transformers.utils.logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True).eval()
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ValueError(f"{source} cannot be loaded as a causal language model: {error}") from error
    if any(len(token) != 1 for token in tokenizer.get_vocab()):
        raise ValueError(f"the tokens of {source} are not single characters: such models cannot be scored yet.")
    return TrainedModel(model=model, tokenizer=tokenizer, folder=folder)


def evaluate_model(
    source: str | Path, task: str | dict[str, Any] | None = None, *, step: int | None = None
) -> dict[str, Any]:
    """Scores a model on the questions of its task.

    What the model has seen is rebuilt from the `task.json` that travels with it. A model that carries none gets exact
    match only, on the task named.

    Args:
        source: As in `load_model`.
        task: A task name, or a mapping of `TaskConfig`'s fields. Only needed where the model carries none.
        step: As in `load_model`.

    Returns:
        The metric `capacity_tradeoff`'s output, with `task`, and with what the model writes for each withheld prompt.

    Raises:
        ValueError: The model cannot be loaded, no task is known, or `task` contradicts the one that the model carries.
    """
    trained = load_model(source, step)
    identity_path = trained.folder / "task.json"
    asked = {"path": task} if isinstance(task, str) else task
    if identity_path.exists():
        identity = json.loads(identity_path.read_text())
        carried = identity["task"]
        differing = [key for key, value in (asked or {}).items() if carried.get(key) != value]
        if differing:
            raise ValueError(
                f"`--task` (={task!r}) contradicts what {source} was trained on, {carried}: leave `--task` out."
            )
        exam = Exam(TaskConfig(**carried), identity["split_seed"])
        exam.check_identity(trained.folder)
    elif asked is None:
        raise ValueError(f"{source} does not say what it was trained on: name a task, such as `--task arithmetic`.")
    else:
        exam = Exam(TaskConfig(**asked), split_seed=1337, unseen_training_text=True)
    model, tokenizer = trained.model, trained.tokenizer
    sheet = exam.sheet(partial(encode, tokenizer), model.config.max_position_embeddings, model.device)
    marks = exam.mark(sheet.verdicts(partial(predict, model)))
    written = {prompt: trained.answer(prompt).rstrip() for prompt in marks["withheld"]}
    return {"task": exam.identity["task"], **marks, "written_for_withheld": written}


def ask(source: str | Path, prompt: str, *, step: int | None = None) -> str:
    """What the model of `source` writes after `prompt`, greedily, to the end of the line (see `load_model`)."""
    return load_model(source, step).answer(prompt).rstrip("\n")


def _folder_of(source: str) -> Path:
    path = Path(source)
    if path.is_dir():
        return path
    if path.exists():
        raise ValueError(f"{source} is a file: name the folder of a model.")
    try:
        return Path(snapshot_download(source, allow_patterns=["*.json", "*.safetensors"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{source!r} is no folder, and no model on the Hub that can be reached: {reason}") from None


def _likely_reason(folder: Path) -> str:
    if (folder / "config.yaml").exists():
        return "Its run is not finished: repeat `hf-capacity run`."
    runs = sorted(path.parent.name for path in folder.glob("*/config.json"))
    return f"It holds runs: name one of them, such as {folder / runs[0]}." if runs else ""
