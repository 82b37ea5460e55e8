"""The experiment as data: what one run is, checked when it is built, before anything is written."""

import dataclasses
import difflib
import functools
import hashlib
import json
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, field_validator, model_validator
from pydantic.dataclasses import dataclass

from ..boundary.reading import check_plain, quote
from ..boundary.shown import hide_secrets
from .embeddings import EmbeddingsConfig, StartFrom, check_embeddings
from .exposures import check_steps
from .model import STRICT, Flag, ModelConfig, Number, PositiveInt, as_whole_number, left_out_at
from .rows import as_asked_after, check_rows
from .sources import Source
from .stop_when import StopWhen


# Raised by every commit that moves a number; part of the run id, so that old and new results never mix.
PROTOCOL_VERSION = 2
# What runs of one cell may differ in.
SEEDS = ("model_seed", "data_seed", "split_seed")

Seed = Annotated[int, BeforeValidator(as_whole_number), Field(strict=True, ge=0, lt=2**32)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
AskedAfter = Annotated[Literal["nothing", "newline"] | int | None, BeforeValidator(as_asked_after)]
DEFAULT_STEPS = 30_000
STUDYS_TASKS = ("arithmetic", "capitals", "mixture", "both")
# What Linux takes for a path.
LONGEST_PATH = 4_096
# Each is a copy of the weights.
MOST_KEPT = 10_000
# Characters of a task's path that a run is called by.
LONGEST_TASK = 180
# Characters in a batch: beyond it neither text nor memory of any machine here would reach.
MOST_CHARACTERS = 10**9
# Of the mistakes in a config.
MOST_SHOWN = 3


@dataclass(kw_only=True, frozen=True, config=STRICT)
class TaskConfig:
    """What is learned: the arguments of `dataset_builders.load_task`.

    Args:
        path: A built-in task (`arithmetic`, `capitals`, `both`), or a folder or Hub id that `load_dataset` reads.
        name: The configuration; the paper's tasks default to `paper`, others to their own default.
        parameters: What else a built-in task takes, such as `withheld_pairs`.
        leaks: `drop` leaves out withheld questions whose line stands in the training text of a task from elsewhere;
            without it, they are refused.
    """

    path: Annotated[str, Field(min_length=1, max_length=LONGEST_PATH)]
    name: Annotated[str, Field(max_length=LONGEST_PATH)] | None = None
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    leaks: Literal["drop"] | None = left_out_at(None)

    def to_dict(self) -> dict[str, Any]:
        """Its fields as plain JSON types, those left out that are at a default from before they were there."""
        return TypeAdapter(TaskConfig).dump_python(self, mode="json")

    @model_validator(mode="after")
    def _name_the_default(self):
        if self.name is None and self.path in STUDYS_TASKS:
            object.__setattr__(self, "name", "paper")
        for key in ("path", "name", "parameters"):
            check_plain(f"task.{key}", getattr(self, key))
        if "\0" in self.path:
            raise ValueError(f"`task.path` (={quote(self.path)}) has a null character, which no path has.")
        if _holds_a_secret(self.path):
            raise ValueError(
                "`task.path` holds a token or a password, which ids and records would show: leave it out, and log in "
                "with `hf auth login`."
            )
        beside = {"path", "name", "split_seed"} & set(self.parameters)
        if beside:
            raise ValueError(
                f"`task.parameters` must not have {', '.join(sorted(beside))}: path and name stand beside it, and "
                "`split_seed` is a key of the run."
            )
        return self


@dataclass(kw_only=True, frozen=True, config=STRICT)
class ExperimentConfig:
    """One training run. The defaults are the paper's (arXiv 2506.09099) for its small models.

    Args:
        task: A task name, a mapping of `TaskConfig`'s fields, or a `TaskConfig`.
        model: A rung of `LADDER`, a mapping of `ModelConfig`'s keys (with the `name` of a rung: that rung, changed),
            or a `ModelConfig`.
        block_size: Characters in a window, and positions of the model; of whole lines, those that a row can have.
        batch_size: Windows in a batch, or rows of lines, over all processes.
        steps: Optimiser steps; those that `exposures` come to, or 30,000, unless given.
        exposures: Instead: how often each item is to be read, on average, where all lines are items with known bits.
        eval_steps: Steps between two evaluations; there is one before the first step too.
        save_steps: Steps between two checkpoints to resume from.
        keep_checkpoints: Steps whose weights are kept.
        learning_rate: Its peak, in AdamW.
        min_learning_rate: Where the cosine ends.
        warmup_ratio: Share of the steps in which the learning rate rises linearly.
        decay_ratio: Share of the steps after which it stays at its minimum.
        weight_decay: On matrices only, embeddings included.
        adam_beta1: AdamW's first beta.
        adam_beta2: AdamW's second beta.
        max_grad_norm: Norm at which the gradient is clipped.
        model_seed: Initial weights and dropout.
        data_seed: Windows drawn.
        split_seed: Questions withheld, facts drawn, order of the lines in the text.
        training_step: `fastest` for the config and the device, or `plain`, PyTorch's own; they agree to rounding.
        bf16: Whether the model runs in bfloat16 (autocast; weights and optimiser stay float32). For accelerators.
        batches: Of what a batch is made: `windows` drawn anywhere in the joined text, as in the paper, or whole
            `lines`, each after a newline, and every line once before any comes again.
        stop_when: When the run may end before its last step.
        curriculum: What is read when, of a task with a rule and facts: `rule_first` and `facts_first` read that part
            alone for the first half of the steps, then all; `interleaved` reads them alone in turn. All at every step
            unless given.
        lines_per_row: Packing: how many whole lines a row has, one behind the other.
        cut_in_front: Whether a row begins at a random character of its first line, or the newline before it, as a
            window does.
        random_offset: Whether a row begins at a random one of the positions from which on the block holds it (SHAPE,
            Kiyono et al. 2021, arXiv 2109.05644), not at the first.
        replacement: Whether each line is drawn from all of them, not from those that are left of an epoch.
        loss_on: What of whole lines is to be predicted: all of their `text`, or their `answers` alone, each with its
            end mark.
        asked_after: What stands before a question: `nothing`, as in the paper, a `newline`, or so many whole lines
            of the training text. Unless given, nothing for windows and a newline for lines.
        embeddings: Interventions on the token embedding: a mapping of `EmbeddingsConfig`'s fields.
        start_from: The folder of a finished run, or of a step that it kept, whose weights this one begins with.
        probes: Whether the learning curve and the record say what the embeddings of numbers look like, and what the
            model knows of them (see `evaluation.probes`). It changes no weight.

    Raises:
        ValidationError: A field is unknown, of a wrong type or impossible (a `ValueError`).
    """

    task: TaskConfig
    model: ModelConfig
    block_size: PositiveInt
    batch_size: PositiveInt
    steps: PositiveInt | None = None
    exposures: PositiveInt | None = left_out_at(None)
    eval_steps: PositiveInt = 250
    save_steps: PositiveInt = 1_000
    keep_checkpoints: Annotated[tuple[PositiveInt, ...], Field(max_length=MOST_KEPT)] = ()
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-2
    min_learning_rate: Annotated[Number, Field(ge=0)] = 1e-4
    warmup_ratio: Fraction = 2_000 / 30_000
    decay_ratio: Fraction = 25_000 / 30_000
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    adam_beta1: Annotated[Number, Field(ge=0, lt=1)] = 0.9
    adam_beta2: Annotated[Number, Field(ge=0, lt=1)] = 0.99
    max_grad_norm: Annotated[Number, Field(gt=0)] = 1.0
    model_seed: Seed = 1337
    data_seed: Seed = 1337
    split_seed: Seed = 1337
    training_step: Literal["fastest", "plain"] = "fastest"
    bf16: Flag = False
    batches: Literal["windows", "lines"] = left_out_at("windows")
    stop_when: StopWhen | None = left_out_at(None)
    curriculum: Literal["rule_first", "facts_first", "interleaved"] | None = left_out_at(None)
    lines_per_row: PositiveInt = left_out_at(1)
    cut_in_front: Flag = left_out_at(False)
    random_offset: Flag = left_out_at(False)
    replacement: Flag = left_out_at(False)
    loss_on: Literal["text", "answers"] = left_out_at("text")
    asked_after: AskedAfter = left_out_at(None)
    embeddings: EmbeddingsConfig = left_out_at(EmbeddingsConfig())
    start_from: StartFrom | None = left_out_at(None)
    probes: Flag = left_out_at(False)

    @field_validator("task", mode="before")
    @classmethod
    def _task_by_name(cls, task: Any) -> Any:
        return {"path": task} if isinstance(task, str) else task

    @model_validator(mode="after")
    def _schedule_fits(self):
        check_rows(self)
        object.__setattr__(self, "steps", check_steps(self, DEFAULT_STEPS))
        if self.min_learning_rate > self.learning_rate:
            raise ValueError(
                f"`min_learning_rate` (={self.min_learning_rate}) must not exceed "
                f"`learning_rate` (={self.learning_rate})."
            )
        if self.warmup_ratio > self.decay_ratio:
            raise ValueError(
                f"`warmup_ratio` (={self.warmup_ratio:.4g}) must not exceed `decay_ratio` (={self.decay_ratio:.4g})."
            )
        if self.batch_size * self.block_size > MOST_CHARACTERS:
            raise ValueError(
                f"`batch_size` (={self.batch_size:,}) x `block_size` (={self.block_size:,}) must not exceed "
                f"{MOST_CHARACTERS:,} characters."
            )
        late = [step for step in self.keep_checkpoints if step > self.steps]
        if late:
            raise ValueError(f"`keep_checkpoints` (={quote(late)}) must not exceed `steps` (={self.steps}).")
        check_embeddings(self)
        if self.asked_after == ("newline" if self.batches == "lines" else "nothing"):
            object.__setattr__(self, "asked_after", None)  # the same run has one id
        return self

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "ExperimentConfig":
        """Builds the config, or says in one line per mistake which key came with which value and what is expected.

        Raises:
            ValueError: A key is unknown or missing, or a value impossible.
        """
        try:
            return _adapter().validate_python(settings)
        except ValidationError as error:
            # What was given comes before what was not.
            mistakes = sorted(error.errors(), key=lambda mistake: mistake["type"].startswith("missing"))
            more = f"; and {len(mistakes) - MOST_SHOWN} more mistakes" if len(mistakes) > MOST_SHOWN else ""
            texts, known = zip(*map(_explain, mistakes[:MOST_SHOWN]), strict=True)
            # Of several unknown keys, those that there are once, behind them all.
            raise ValueError("; ".join([*texts, *dict.fromkeys(filter(None, known))]) + more) from None

    def to_dict(self) -> dict[str, Any]:
        """The whole config as plain JSON types; `from_dict` of it is the same config."""
        return _adapter().dump_python(self, mode="json")

    @property
    def start(self) -> str:
        """What a model is given first when it is asked: rows of whole lines begin with a newline."""
        if isinstance(self.asked_after, str):
            return "\n" if self.asked_after == "newline" else ""
        return "\n" if self.batches == "lines" else ""

    @property
    def lines_before(self) -> int:
        """How many lines of the training text it is given then, before the question."""
        return self.asked_after if isinstance(self.asked_after, int) else 0

    @property
    def source(self) -> Source | None:
        """The finished run of which it copies weights, if it does."""
        init = self.embeddings.init
        return init if isinstance(init, Source) else self.start_from

    @functools.cached_property  # a study of ten thousand runs asks for it again and again
    def run_id(self) -> str:
        """Readable prefix and a digest of the whole config and the protocol version."""
        # As much of a path as file systems take in a name; the digest stands for the rest.
        task = re.sub(r"[^A-Za-z0-9_.]+", "-", self.task.path)[-LONGEST_TASK:].strip("-.") or "task"
        digest = config_digest(self.to_dict())
        return f"{task}-{self.model.label}-s{self.model_seed}-{digest}"


def config_digest(settings: dict[str, Any]) -> str:
    """In which the id of a run ends: of its whole config, as `to_dict` gives it, and the protocol version.

    `exposures` are left out: they do nothing but set `steps`, so that a run has one id whichever of them was given.
    """
    done = {key: value for key, value in settings.items() if key != "exposures"}
    identity = json.dumps([PROTOCOL_VERSION, done], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:8]


@functools.cache  # thousands of runs have few tasks
def _holds_a_secret(path: str) -> bool:
    return hide_secrets(path) != path


@functools.cache
def _adapter() -> TypeAdapter[ExperimentConfig]:
    return TypeAdapter(ExperimentConfig)


def _explain(mistake: dict[str, Any]) -> tuple[str, str]:
    """What is wrong, and of a key that resembles none, which there are."""
    place = [str(part) for part in mistake["loc"]]
    key, kind = quote(".".join(place))[1:-1], mistake["type"]
    if kind == "unexpected_keyword_argument":
        owners = {"task": TaskConfig, "stop_when": StopWhen, "embeddings": EmbeddingsConfig}
        owner = owners[place[0]] if len(place) > 1 else ExperimentConfig
        known = [field.name for field in dataclasses.fields(owner)]
        close = difflib.get_close_matches(place[-1], known, n=1)
        if close:
            return f"unknown key `{key}`: did you mean `{close[0]}`?", ""
        return f"unknown key `{key}`", f"known: {', '.join(known)}"
    if kind in ("missing", "missing_keyword_only_argument", "missing_argument"):
        return f"`{key}` is missing", ""
    message = mistake["msg"].removeprefix("Value error, ")
    if kind == "value_error" and message.startswith("`"):
        return message, ""
    return f"`{key}` (={quote(mistake['input'])}): {message[0].lower() + message[1:]}", ""
