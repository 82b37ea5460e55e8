"""The finished runs of a study as one flat table."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..boundary.writing import write_atomically
from ..config.arms import Arms
from .claim import read_arms
from .kept import load_records
from .records import is_vouched_for


if TYPE_CHECKING:
    import pandas

# Where a record has two numbers in a list, and what a table calls them.
TALLY, ENDS = ("correct", "questions"), ("low", "high")
PAIRS = {"late_evaluations_solved": ("solved", "evaluations")} | {
    f"{evaluation}.{name}": pair
    for evaluation in ("last", "best_on_withheld")
    for name, pair in {
        "counts": TALLY,
        "kinds": TALLY,
        "published_scoring": TALLY,
        "intervals_over_questions_of_one_model": ENDS,
    }.items()
}


def load_results(folder: str | Path) -> "pandas.DataFrame":
    """All finished runs of a study's folder as a table that CSV and Parquet can hold too.

    A row a run. The columns are the keys of `record.json` but `files` and `digest`, nested ones joined by dots,
    `vouched_for` (whether the record holds a digest of its own), `folder` and, where a study names arms, `arms.AXIS`:
    `run_id`, `study`, `config.model.n_embd`, `config.model_seed`, `num_parameters`, `last.loss`, `last.fit`,
    `best_on_withheld.step`, `provenance.seconds` and so on. A pair of numbers is two columns: `.correct` and
    `.questions` of counts, `.low` and `.high` of intervals, `late_evaluations_solved.solved` and `.evaluations`.
    Any other list is JSON text (`config.keep_checkpoints`), a value that a run has not is missing. Records alone are
    read, and compared with their own digests; whatever reads a file beside one compares that with the record.

    Args:
        folder: The study's folder, such as `runs/quick` or `model_cards/quick`.

    Returns:
        The table, sorted by run id.

    Raises:
        ValueError: There is no finished run in the folder, or a record is damaged.
    """
    import pandas

    records = load_records(Path(folder))
    if not records:
        raise ValueError(f"{folder} has no finished run: train some with `hf-capacity run STUDY --output {folder}`.")
    arms = read_arms(Path(folder))
    rows = [_cells(_told(record, arms)) for record in records]
    names = dict.fromkeys(name for row in rows for name in row)
    return pandas.DataFrame({name: _column([row.get(name) for row in rows]) for name in names})


def _told(record: dict[str, Any], arms: Arms) -> dict[str, Any]:
    row = {key: value for key, value in record.items() if key not in ("files", "digest", "folder")}
    names = {axis: arm.name for axis, arm in arms.find(record["config"]).items()}
    return row | {"vouched_for": is_vouched_for(record), "folder": str(record["folder"]), "arms": names}


def _cells(record: dict[str, Any]) -> dict[str, Any]:
    """A table's row, names to values."""
    row: dict[str, Any] = {}
    _fill(row, record, "", ())
    return row


def _fill(row: dict[str, Any], content: dict[str, Any], prefix: str, pair: Sequence[str]) -> None:
    """Adds what lies in `content` to a row; `pair` names the two numbers of the lists that lie there."""
    for key, value in content.items():
        name = prefix + key
        ends = PAIRS.get(name, pair)
        if isinstance(value, dict):
            _fill(row, value, name + ".", ends)
        elif ends and (value is None or isinstance(value, list)):
            row[f"{name}.{ends[0]}"], row[f"{name}.{ends[1]}"] = value or (None, None)
        else:
            row[name] = json.dumps(value) if isinstance(value, list) else value


def _column(values: list[Any]) -> "pandas.Series":
    """A column of one type: where runs have values of several, each is written as JSON."""
    import pandas

    types = {type(value) for value in values}
    has_gaps = type(None) in types
    types.discard(type(None))
    if types == {int} and all(value is None or abs(value) < 2**63 for value in values):
        return pandas.Series(values, dtype="Int64" if has_gaps else "int64")
    if types == {bool}:
        return pandas.Series(values, dtype="boolean" if has_gaps else "bool")
    if types in ({float}, {int, float}):
        return pandas.Series(values, dtype="float64")
    if len(types) > 1 or types == {int}:
        values = [None if value is None else json.dumps(value) for value in values]
    return pandas.Series(values)


def check_export(path: Path) -> None:
    """Checks that a table can be written there, before anything is computed for it.

    Raises:
        ValueError: The file's ending is neither `.csv` nor `.parquet`, or its folder is not there.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"`--output` (={path}) must end in .csv or .parquet.")
    if not path.parent.is_dir():
        raise ValueError(f"`--output` (={path}): there is no folder {path.parent}.")


def export_table(table: "pandas.DataFrame", path: Path) -> None:
    """Writes a table as `load_dataset("csv", ...)` or `load_dataset("parquet", ...)` reads it.

    Args:
        table: As `load_results` gives it, or any other.
        path: The file; its ending says which of the two (see `check_export`).
    """
    written = table.to_csv(index=False) if path.suffix == ".csv" else table.to_parquet(index=False)
    write_atomically(path, written)
