"""What a task is made of: its questions in columns, and the builder that turns them into the splits of a dataset."""

import abc
import hashlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .demand import Demand
from .dials import listed, shorten
from .numerals import Numerals


FEATURES = datasets.Features(
    {
        **{name: datasets.Value("string") for name in ("text", "prompt", "answer", "end", "kind", "ability")},
        "seen": datasets.Value("bool"),
    }
)

# Taken at import, since what runs is the source as it was then.
SOURCE_DIGEST = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.parent.rglob("*.py")))
).hexdigest()

Column = pa.Array | np.ndarray | Sequence
# `train`: the lines in the order in which they are read; `questions`: what is asked, in the task's canonical order.
Splits = dict[str, pa.Table]


def question_table(
    *, text: Column, prompt: Column, answer: Column, end: Column, kind: Column, ability: Column, seen: Column | bool
) -> pa.Table:
    """The lines of a task, and what is asked of each. A column may be one string, or one truth value, for all rows.

    Where a line asks several times, each question is a row of `questions`, whose prompt is the line up to it. Its one
    row in `train` has the first; each `end` that comes later in the line closes an answer as long as that.

    Args:
        text: The whole line as a model reads it, its newline included.
        prompt: What the model is given.
        answer: What it has to write.
        end: The mark that closes the answer; a right answer has it too.
        kind: Which sort of question this is: `addition`, `subtraction`, `capital`, ...
        ability: `rule` if the answer can be worked out, `fact` if it can only be known.
        seen: Whether the line is in the training text.

    Returns:
        A row a question, with the columns of `FEATURES`.
    """
    given = {"text": text, "prompt": prompt, "answer": answer, "end": end, "kind": kind, "ability": ability}
    columns = {
        name: pa.repeat(column, len(text)) if isinstance(column, (str, bool)) else column
        for name, column in {**given, "seen": seen}.items()
    }
    return pa.table(columns, schema=FEATURES.arrow_schema)


@dataclass
class QuestionConfig(datasets.BuilderConfig):
    """The settings that every task takes.

    Args:
        split_seed (`int`, defaults to 1337):
            Draws whatever is left to chance in *which* lines there are and how they are ordered. A task that leaves
            nothing to chance accepts it and draws nothing.
    """

    split_seed: int = 1337


class QuestionBuilder(datasets.ArrowBasedBuilder):
    """Builds the splits `train` (the lines in the order they are read) and `questions` (what is asked).

    A task derives from it, introduces itself, lists its named configs in `BUILDER_CONFIGS` and writes
    [`~QuestionBuilder.tables`]. It checks its values there, since `datasets` sets overridden fields after
    `__post_init__`, which does not see them.

    `datasets` names its cache after the config and the overrides given in the call alone, and would serve yesterday's
    rows from today's code. So the `hash` in the cache path covers the source of all builders and every listed config.

    Attributes:
        title (`str`): What its card and lists of tasks are headed with.
        example (`str`): A prompt of its default config, shown with its line and its answer.
        paper (`str`, *optional*): The id on arXiv of the paper that it is taken from.
        language (`str`, defaults to `"en"`): The ISO 639 code; `zxx` where the text means nothing in any language.
        license (`str`, defaults to `"Apache-2.0"`): The SPDX id.
        hub_name (`str`, *optional*): What its repository on the Hub is called, where not as its folder is.
    """

    title: str
    example: str
    paper: str | None = None
    language: str = "en"
    license: str = "Apache-2.0"
    hub_name: str | None = None

    BUILDER_CONFIG_CLASS = QuestionConfig

    def __init__(self, cache_dir: str | Path | None = None, **arguments):
        digest = hashlib.sha256(f"{SOURCE_DIGEST} {self.BUILDER_CONFIGS}".encode()).hexdigest()
        defaults = {"dataset_name": type(self).__name__, "hash": digest[:16]}
        super().__init__(cache_dir, **{**defaults, **arguments})

    @staticmethod
    @abc.abstractmethod
    def tables(config: QuestionConfig) -> Splits:
        """The two splits, as [`question_table`] makes them; no prompt is asked twice.

        Raises:
            `ValueError`: if a field of `config` is impossible.
        """

    @staticmethod
    def demand(config: QuestionConfig) -> Demand | None:
        """How many bits the training text demands, if that is known by construction.

        Raises:
            `ValueError`: if a field of `config` that counts is impossible.
        """
        return None

    @staticmethod
    def rotation(config: QuestionConfig) -> int | None:
        """How many `split_seed`s in a row withhold every pair of operands equally often, if they go through pairs.

        Raises:
            `ValueError`: if a field of `config` that counts is impossible.
        """
        return None

    @staticmethod
    def numerals(config: QuestionConfig) -> Numerals | None:
        """How numbers are written, where each numeral is a character of its own and questions have two operands."""
        return None

    @classmethod
    def folder(cls) -> Path:
        """Where the task's builder, card and data are."""
        return Path(inspect.getfile(cls)).parent

    @classmethod
    def repository_name(cls) -> str:
        """What the task's repository on the Hub is called."""
        return cls.hub_name or cls.folder().name

    @classmethod
    def build(cls, config: QuestionConfig) -> Splits:
        """The two splits of `config`, checked.

        Raises:
            `ValueError`: if a field of `config` is impossible.
        """
        if type(config.split_seed) is not int:
            raise ValueError(f"`split_seed` must be an integer, such as 1337; got {shorten(config.split_seed)}.")
        splits = cls.tables(config)
        prompts, texts, seen = (splits["questions"][column] for column in ("prompt", "text", "seen"))
        assert pc.count_distinct(prompts).as_py() == len(prompts), "a prompt is asked twice"
        is_read = pc.or_(pc.is_in(prompts, splits["train"]["prompt"]), pc.is_in(texts, splits["train"]["text"]))
        assert is_read.equals(seen), "`seen` is not what is read"
        return splits

    @classmethod
    def configured(cls, task: str, name: str | None, parameters: dict[str, Any]) -> QuestionConfig:
        """A named config, or the default one, with some of its fields set.

        Args:
            task: What the caller calls this task, for messages.
            name: The config.
            parameters: The fields.

        Raises:
            `ValueError`: if there is no such config or field, or a field is None.
        """
        configs = {config.name: config for config in cls.BUILDER_CONFIGS}
        if name is not None and name not in list(configs):
            raise ValueError(f"The task {task!r} has no config {shorten(name)}; choose one of {listed(configs)}.")
        inherited = {field.name for field in fields(datasets.BuilderConfig)}
        known = [field.name for field in fields(cls.BUILDER_CONFIG_CLASS) if field.name not in inherited]
        for parameter, value in parameters.items():
            if parameter not in known:
                raise ValueError(f"The task {task!r} has no parameter {shorten(parameter)}; it takes {listed(known)}.")
            # `datasets` would take None for "not given" and use the default without a word.
            if value is None:
                raise ValueError(f"`{parameter}` of the task {task!r} is None; give it a value or leave it out.")
        return replace(configs[name or cls.DEFAULT_CONFIG_NAME], **parameters)

    def _info(self):
        return datasets.DatasetInfo(features=FEATURES)

    def _split_generators(self, dl_manager: datasets.DownloadManager):
        splits = self.build(self.config)
        if not len(splits["questions"]):
            raise ValueError("The task asks nothing: mix it with one that asks something.")
        return [datasets.SplitGenerator(name, {"table": table}) for name, table in splits.items()]

    def _generate_tables(self, table: pa.Table):
        yield (0, 0), table
