"""Settings and seeds of runs, in a table and in words."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..analysis.cells import Record
from ..analysis.labels import model_label, spell, task_label
from ..boundary.shown import ABSENT
from ..config.experiment import SEEDS
from ..config.settings import flatten
from .markdown import markdown_table


def settings_table(records: Sequence[Record], settings: Sequence[dict[str, Any]]) -> str:
    """What holds for all runs, or for which of them; settings that no run has are left out.

    Args:
        records: Run records.
        settings: The settings of each record, nested as they may be.
    """
    flat = [dict(flatten(setting)) for setting in settings]
    rows = []
    for key in dict.fromkeys(key for setting in flat for key in setting):
        values = [spell(setting.get(key)) for setting in flat]
        if set(values) != {ABSENT}:
            rows.append([key, _where(values, records)])
    return markdown_table(["setting", "value"], rows, num_texts=2)


def _where(values: Sequence[str], records: Sequence[Record]) -> str:
    """One value for all runs; else each value with the names of the runs that have it, or with their number."""
    if len(set(values)) == 1:
        return values[0]
    for name in (task_label, model_label, lambda record: f"{task_label(record)} {model_label(record)}"):
        names = list(map(name, records))
        if len(set(zip(names, values, strict=True))) == len(set(names)):
            held_by = {
                value: dict.fromkeys(n for n, v in zip(names, values, strict=True) if v == value) for value in values
            }
            return "; ".join(f"{value} ({', '.join(held_by[value])})" for value in held_by)
    return "; ".join(f"{value} ({number} of the runs)" for value, number in Counter(values).items())


def describe_seeds(records: Sequence[Record]) -> str:
    """Which seeds there were: `model_seed 1 to 10; data_seed 1337; split_seed 2, 5`."""
    described = []
    for name in SEEDS:
        seeds = sorted({record["config"][name] for record in records})
        in_a_row = len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1
        described.append(f"{name} {f'{seeds[0]} to {seeds[-1]}' if in_a_row else ', '.join(map(str, seeds))}")
    return "; ".join(described)
