"""What a task is made of: its questions, and the builder that turns them into the two splits of a dataset."""

import abc
import hashlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import datasets
import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Question:
    """One line of a task, and what is asked of it.

    Args:
        text (`str`): The whole line as a model reads it, its newline included.
        prompt (`str`): What the model is given.
        answer (`str`): What it has to write.
        end (`str`): The mark that closes the answer; a right answer has it too.
        kind (`str`): Which sort of question this is: `addition`, `subtraction`, `capital`, ...
        ability (`str`): `rule` if the answer can be worked out, `fact` if it can only be known.
        seen (`bool`): Whether the line is in the training text.
    """

    text: str
    prompt: str
    answer: str
    end: str
    kind: str
    ability: str
    seen: bool


FEATURES = datasets.Features(
    {field.name: datasets.Value("bool" if field.type is bool else "string") for field in fields(Question)}
)

# Taken at import, since what runs is the source as it was then.
SOURCE_DIGEST = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
).hexdigest()


@dataclass
class QuestionConfig(datasets.BuilderConfig):
    """What every task can be told.

    Args:
        split_seed (`int`, defaults to 1337):
            Draws whatever is left to chance in *which* lines there are and how they are ordered. A task that leaves
            nothing to chance accepts it and draws nothing.
    """

    split_seed: int = 1337


class QuestionBuilder(datasets.ArrowBasedBuilder):
    """Builds the splits `train` (the lines in the order they are read) and `questions` (every question there is).

    A task derives from it, lists its named configs in `BUILDER_CONFIGS` and writes [`~QuestionBuilder.questions`]. It
    checks its values there, since `datasets` sets overridden fields after `__post_init__`, which does not see them.

    `datasets` names its cache after the config and the overrides given in the call alone, and would serve yesterday's
    rows from today's code. So the `hash` in the cache path covers the source of all builders and every listed config.
    """

    BUILDER_CONFIG_CLASS = QuestionConfig

    def __init__(self, cache_dir=None, **arguments):
        digest = hashlib.sha256(f"{SOURCE_DIGEST} {self.BUILDER_CONFIGS}".encode()).hexdigest()
        defaults = {"dataset_name": type(self).__name__, "hash": digest[:16]}
        super().__init__(cache_dir, **{**defaults, **arguments})

    @abc.abstractmethod
    def questions(self) -> list[Question]:
        """Every question of the task in its canonical order.

        Raises:
            `ValueError`: if a field of `self.config` is impossible.
        """

    def training_lines(self) -> list[Question]:
        """The questions whose lines are read in training, in that order."""
        return [question for question in self.questions() if question.seen]

    def _info(self):
        return datasets.DatasetInfo(features=FEATURES)

    def _split_generators(self, dl_manager):
        if type(self.config.split_seed) is not int:
            raise ValueError(f"`split_seed` must be an integer, such as 1337; got {self.config.split_seed!r}.")
        splits = {"train": self.training_lines(), "questions": self.questions()}
        prompts = [question.prompt for question in splits["questions"]]
        assert len(set(prompts)) == len(prompts), "a prompt is asked twice"
        # Tuples, because `datasets` takes a list for shards.
        return [datasets.SplitGenerator(name, {"rows": tuple(rows)}) for name, rows in splits.items()]

    def _generate_tables(self, rows):
        yield (0, 0), pa.Table.from_pylist([asdict(row) for row in rows], schema=FEATURES.arrow_schema)
