"""What a study asks, as its folder states it."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import yaml

from ..boundary.reading import read_yaml
from ..boundary.writing import Damaged, write_atomically
from ..config.hypotheses import Hypothesis, read_hypotheses
from .claim import CLAIM, read_arms
from .kept import load_records
from .stating import is_from_before, mapping_of, restate


class Statement(NamedTuple):
    """What a study asks.

    Args:
        question: In a sentence or two; empty where its folder does not say.
        hypotheses: What it expects, each with whether it is post hoc.
        withdrawn: Names of hypotheses that were stated beforehand, and dropped or changed when runs were finished.
    """

    question: str = ""
    hypotheses: tuple[Hypothesis, ...] = ()
    withdrawn: tuple[str, ...] = ()


def read_statement(folder: Path) -> Statement:
    """What the study of a folder asks, in runs or kept; nothing where it is from before there were hypotheses.

    Raises:
        Damaged: Its `study.yaml` cannot be read, or not its hypotheses.
    """
    path = Path(folder) / CLAIM
    try:
        content = read_yaml(path)
        if not isinstance(content, dict):
            return Statement()
        hypotheses = read_hypotheses(content.get("hypotheses"), read_arms(folder))
    except OSError:
        return Statement()
    except ValueError as fault:
        raise Damaged(f"{path} does not say what its study expects: {fault}") from None
    stated = mapping_of(content, "stated")
    return Statement(
        question=str(content.get("question") or "").strip(),
        hypotheses=tuple(
            replace(one, is_post_hoc=not is_from_before(one.name, one.to_dict(), stated.get(one.name)))
            for one in hypotheses
        ),
        withdrawn=tuple(mapping_of(content, "withdrawn")),
    )


def find_post_hoc(folder: Path, hypotheses: tuple[Hypothesis, ...]) -> dict[str, int]:
    """Which hypotheses are post hoc in a folder of runs, or would be if they were stated now, each with the number of
    runs that were finished first. Writes nothing."""
    num_finished = len(list(Path(folder).glob("*/record.json")))
    if not num_finished or not (Path(folder) / CLAIM).exists():
        return {}
    stated = mapping_of(restate(read_yaml(Path(folder) / CLAIM), "", hypotheses, num_finished), "stated")
    return {name: entry["finished_runs"] for name, entry in stated.items() if entry["finished_runs"]}


def state_hypotheses(folder: Path, question: str, hypotheses: tuple[Hypothesis, ...]) -> Path:
    """States hypotheses in the folder of a study whose runs are finished. Gives the path of its `study.yaml`."""
    path = Path(folder) / CLAIM
    content = restate(read_yaml(path), question, hypotheses, len(load_records(folder)))
    write_atomically(path, yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True))
    return path
