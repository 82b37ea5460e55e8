"""The folder of a prepared task: two splits, typed, and a card that says how they were made."""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import datasets
import jinja2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCardData

from dataset_builders.building import FEATURES, QuestionConfig, question_table, shorten
from dataset_builders.elsewhere import Task, checked_against_text, quiet

from .rows import Source, drop_duplicates, read_pairs
from .withholding import Withheld, check_characters, draw_withheld, mark_withheld


END = "\n"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A task made of one's own data, and what was done.

    Args:
        task: Its splits `train` and `questions`.
        source: The data.
        withheld: How rows were withheld.
        split_seed: What drew them.
        separator: What stands between prompt and answer.
        num_rows: Rows of the source.
        num_duplicates: Rows left out, since prompt and answer were there before.
        num_withheld: Lines that are not read.
        num_kept_for_characters: Lines that were drawn to be withheld, and are read for a character of theirs.
    """

    task: Task
    source: Source
    withheld: Withheld
    split_seed: int
    separator: str
    num_rows: int
    num_duplicates: int
    num_withheld: int
    num_kept_for_characters: int

    @property
    def alphabet(self) -> str:
        """The different characters that are read."""
        return "".join(sorted(set("".join(self.task["train"]["text"][:]))))

    @property
    def lengths(self) -> np.ndarray:
        """Characters of each line that is read or asked, its newline included: shape (questions,)."""
        return pc.utf8_length(self.task["questions"].data["text"]).to_numpy()

    @property
    def block_size(self) -> int:
        """The least that holds every line."""
        return int(self.lengths.max())

    def write(self, output: Path) -> None:
        """Writes the task's folder, whole or not at all.

        Raises:
            `ValueError`: if there is something of that name already.
            `OSError`: if it cannot be written.
        """
        check_output(output)
        output.parent.mkdir(parents=True, exist_ok=True)
        partial = output.with_name(f".{output.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            with quiet():
                for split, rows in self.task.items():
                    rows.to_parquet(partial / f"{split}.parquet")
            (partial / "README.md").write_text(self._card(output.name, partial), encoding="utf-8")
            partial.rename(output)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise

    def _card(self, name: str, folder: Path) -> str:
        paths = [folder / f"{split}.parquet" for split in self.task]
        # `load_dataset` on a folder notices a changed card but not changed data: the digest makes it notice both.
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]
        card = DatasetCardData(pretty_name=name, task_categories=["text-generation"], tags=["hf-capacity"])
        DatasetInfosDict({"default": datasets.DatasetInfo(features=FEATURES)}).to_dataset_card_data(card)
        config = {"config_name": "default", "description": f"sha256 of its files: {digest}"}
        config["data_files"] = [{"split": path.stem, "path": path.name} for path in paths]
        metadata = card.to_dict() | {"configs": [config]}
        first = self.task["train"][0]
        made = {"source": self.source.label, **asdict(self.source), "path": None, "separator": self.separator}
        templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            keep_trailing_newline=True,
        )
        return templates.get_template("card.md.jinja").render(
            metadata=yaml.safe_dump(metadata, sort_keys=False, width=120, allow_unicode=True),
            title=name,
            task=self,
            example=_json({column: first[column] for column in ("text", "prompt", "answer", "end")}),
            made=_json({**made, "withheld": self.withheld.describe(self.split_seed)}),
        )


def prepare_task(source: Source, withheld: Withheld, split_seed: int = QuestionConfig.split_seed) -> Prepared:
    """Makes a task of rows of prompts and answers: a line a row, of which some are withheld.

    Args:
        source: The data.
        withheld: What is asked and never read.
        split_seed: Draws what is withheld, where that is a share.

    Raises:
        `ValueError`: if the data cannot be read, if no line can be made of a row, if a prompt has several answers, or
        if what is to be withheld is nothing, is everything, is read too, or has characters that are never read.
    """
    rows = read_pairs(source, withheld.column)
    num_rows, is_withheld, num_kept = len(rows), mark_withheld(rows, withheld, source), 0
    rows, is_withheld = drop_duplicates(rows, is_withheld, source)
    separator = _separator(rows, source)
    prompts = pc.binary_join_element_wise(rows["prompt"], separator, "")
    texts = pc.binary_join_element_wise(prompts, rows["answer"], END, "")
    lines = texts.to_pylist()
    if withheld.fraction is not None:
        is_withheld, num_kept = draw_withheld(lines, withheld.fraction, split_seed)
    check_characters(lines, is_withheld, source)
    questions = question_table(
        text=texts,
        prompt=prompts,
        answer=rows["answer"],
        end=END,
        kind=os.path.splitext(source.label)[0],
        ability="fact" if withheld.nothing else "rule",
        seen=~is_withheld,
    )
    tables = {"train": questions.filter(questions["seen"]), "questions": questions}
    splits = datasets.DatasetDict({split: datasets.Dataset(table) for split, table in tables.items()})
    task = checked_against_text(splits, source.label, "drop")
    if task.leaks_dropped and task.leaks_dropped == is_withheld.sum():
        raise ValueError(
            f"All of the withheld rows of {shorten(source.label)} ({task.leaks_dropped}) stand within lines that are "
            "read: withhold others."
        )
    return Prepared(
        task=task,
        source=source,
        withheld=withheld,
        split_seed=split_seed,
        separator=separator,
        num_rows=num_rows,
        num_duplicates=num_rows - len(rows),
        num_withheld=int(is_withheld.sum()),
        num_kept_for_characters=num_kept,
    )


def check_output(output: Path) -> None:
    """A `ValueError` if there is something already where a task is to be written."""
    if os.path.lexists(output):
        raise ValueError(f"`--output` (={output}) is there already: name a folder that is not, or delete it.")


def _separator(rows: pa.Table, source: Source) -> str:
    if source.separator is not None:
        return source.separator
    is_apart = (pc.match_substring_regex(rows["prompt"], r"\s$"), pc.match_substring_regex(rows["answer"], r"^\s"))
    return "" if any(pc.all(one).as_py() for one in is_apart) else " "


def _json(content: dict) -> str:
    return json.dumps({key: value for key, value in content.items() if value is not None}, ensure_ascii=False)
