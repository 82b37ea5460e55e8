"""Records to one page: what the models can do beside what was published, the figures, and how it was run."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from .figures import cell, draw_capacity, draw_learning_curves, model_label, task_label
from .published import NUM_QUESTIONS, published_accuracy, published_curve, published_loss
from .results import read_curve, read_records, write_atomically


Record = dict[str, Any]

TASK_ORDER = ("arithmetic", "capitals", "both")
RATES = ("fit", "extrapolation", "recall")
KIND_NAMES = {"addition": "addition", "subtraction": "subtraction", "capital": "facts"}
ABSENT = "-"


def write_report(folder: Path) -> Path:
    """Writes `report.md`, `learning_curves.png` and `capacity.png` into a study's folder.

    The same runs give the same bytes.

    Args:
        folder: The study's folder, such as `runs/too_big_to_think`.

    Returns:
        The path of `report.md`.

    Raises:
        ValueError: There is no such folder or no finished run in it, or a record or a curve is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name a study's, or make it with `hf-capacity run STUDY`.")
    missing = _unfinished_runs(folder)
    records = sorted(read_records(folder), key=_place)
    if not records:
        found = "; ".join(missing) or "it holds no run at all"
        raise ValueError(f"{folder} has no finished run ({found}): `hf-capacity run STUDY` trains some.")
    curves = {record["run_id"]: read_curve(record["folder"]) for record in records}
    runs_by_cell = Counter(map(cell, records))
    jinja = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    template = files(__package__).joinpath("report.md.jinja").read_text(encoding="utf-8")
    page = jinja.from_string(template).render(
        study=records[0]["study"],
        records=records,
        missing=missing,
        fewest_runs=min(runs_by_cell.values()),
        most_runs=max(runs_by_cell.values()),
        has_published_curves=any(published_curve(*cell(record)) for record in records),
        minutes=_minutes(records),
        asked=_asked(records),
        table=render_table(records),
        intervals=_interval_table(records),
        choice=_choice_table(records),
        comparison=_comparison_table(records),
        surroundings=_settings_table(records, [_surroundings(record) for record in records]),
        settings=_settings_table(records, [record["config"] for record in records]),
    )
    write_atomically(folder / "learning_curves.png", draw_learning_curves(records, curves))
    write_atomically(folder / "capacity.png", draw_capacity(records))
    write_atomically(folder / "report.md", page)
    return folder / "report.md"


def render_table(records: Sequence[Record]) -> str:
    """The headline as a Markdown table: a row a run, and under the runs on one set of questions their floor.

    Args:
        records: Run records (see `results`), in any order.

    Returns:
        The table without a newline at its end.
    """
    rows = []
    same_questions = groupby(sorted(records, key=_place), key=lambda record: (task_label(record), _floor(record)))
    for (task, floor), runs in same_questions:
        for record in runs:
            last, best = record["last"], record["best_on_withheld"]
            chosen = _count(best, "extrapolation")
            rows.append(
                [
                    *_names(record, records),
                    f"{record['num_parameters']:,}",
                    f"{record['num_parameters_without_positions']:,}",
                    *(_count(last, rate) for rate in RATES),
                    f"{last['loss']:.3f}",
                    chosen if chosen == ABSENT else f"{chosen} at {best['step']:,}",
                    _fraction(record["late_evaluations_solved"]),
                ]
            )
        rows.append([task, "*floor*", "", "", "", *floor, "", "", ""])
    columns = ["parameters", "without positions", *RATES, "loss", "best on withheld", "late solved"]
    return _markdown_table(["trained on", "model", "differs in", *columns], rows)


def _interval_table(records: Sequence[Record]) -> str:
    """How precisely each model was measured at its last checkpoint, a row a run in the order given."""
    rows = []
    for record in records:
        intervals = record["last"]["intervals_over_questions_of_one_model"]
        ends = [
            " to ".join(f"{end:.3f}" for end in intervals[rate]) if rate in intervals else ABSENT for rate in RATES
        ]
        rows.append([*_names(record, records), *ends])
    return _markdown_table(["trained on", "model", "differs in", *RATES], rows)


def _choice_table(records: Sequence[Record]) -> str:
    """The checkpoints that the study would have chosen, a row a run in the order given."""
    rows = []
    for record in records:
        best = record["best_on_withheld"]
        counts = [_count(best, rate) for rate in RATES]
        rows.append([*_names(record, records), f"{best['step']:,}", *counts, f"{best['loss']:.3f}"])
    return _markdown_table(["trained on", "model", "differs in", "step", *RATES, "loss"], rows)


def _comparison_table(records: Sequence[Record]) -> str:
    """Ours in the study's own scoring beside the published figures; empty where no cell is the study's."""
    known = [record for record in records if published_accuracy(*cell(record))]
    kinds = [kind for kind in KIND_NAMES if any(kind in published_accuracy(*cell(record)) for record in known)]
    rows = []
    for record in known:
        published = published_accuracy(*cell(record))
        row = _names(record, records)
        for kind in kinds:
            row += [_fraction(record[part]["published_scoring"].get(kind)) for part in ("last", "best_on_withheld")]
            row.append(_published_fraction(published[kind], NUM_QUESTIONS[kind]) if kind in published else ABSENT)
        loss = published_loss(*cell(record))
        rows.append([*row, f"{record['last']['loss']:.4f}", ABSENT if loss is None else f"{loss:.4f}"])
    columns = [column for kind in kinds for column in (f"{KIND_NAMES[kind]}: last", "best", "published")]
    header = ["trained on", "model", "differs in", *columns, "loss: last", "published"]
    return _markdown_table(header, rows) if rows else ""


def _settings_table(records: Sequence[Record], settings: Sequence[dict[str, Any]]) -> str:
    """What holds for all runs, or for which of them; settings that no run has are left out.

    Args:
        records: Run records.
        settings: The settings of each record, nested as they may be.
    """
    flat = [dict(_flatten(setting)) for setting in settings]
    rows = []
    for key in dict.fromkeys(key for setting in flat for key in setting):
        values = [_spelled(setting.get(key)) for setting in flat]
        if set(values) != {ABSENT}:
            rows.append([key, _where(values, records)])
    return _markdown_table(["setting", "value"], rows, num_texts=2)


def _markdown_table(header: list[str], rows: list[list[str]], num_texts: int = 3) -> str:
    """Lays a table out so that it reads well before it is rendered too; a column "differs in" is left out if empty."""
    table = [[text.replace("|", "\\|") for text in row] for row in [header, *rows]]
    if "differs in" in header and not any(row[header.index("differs in")] for row in rows):
        empty = header.index("differs in")
        table = [row[:empty] + row[empty + 1 :] for row in table]
        num_texts -= 1
    widths = [max(3, *map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        [
            text.ljust(width) if column < num_texts else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in table
    ]
    rule = ["-" * width if column < num_texts else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


def _place(record: Record) -> tuple:
    """Sorts runs: the study's tasks first, equal floors together, small models first, then by seed."""
    task, model = cell(record)
    rank = TASK_ORDER.index(task) if task in TASK_ORDER else len(TASK_ORDER)
    seeds = [record["config"][seed] for seed in ("split_seed", "model_seed", "data_seed")]
    return rank, task, _floor(record), record["num_parameters"], model, *seeds, record["run_id"]


def _names(record: Record, records: Sequence[Record]) -> list[str]:
    """Training set, model, and what of the config sets the run apart from others with the same two names."""
    alike = [dict(_flatten(other["config"])) for other in records if cell(other) == cell(record)]
    own = dict(_flatten(record["config"]))
    differing = [key for key in own if any(other.get(key) != own[key] for other in alike)]
    return [*cell(record), ", ".join(f"{key}={_spelled(own[key])}" for key in differing)]


def _count(evaluation: dict[str, Any], rate: str) -> str:
    return _fraction(evaluation["counts"].get(rate))


def _fraction(count: Sequence[int] | None) -> str:
    return ABSENT if count is None else f"{count[0]:,}/{count[1]:,}"


def _published_fraction(accuracy: float, questions: int) -> str:
    """A mean over ten samples a question as a number of questions: 0.082 of 50 is 4.1/50."""
    return f"{accuracy * questions:.1f}".removesuffix(".0") + f"/{questions}"


def _floor(record: Record) -> tuple[str, ...]:
    """The floors of the three rates as counts, like the rates that they stand under."""
    counts, floors = record["last"]["counts"], record["last"]["floors"]
    return tuple(
        _fraction((round(floors[rate] * counts[rate][1]), counts[rate][1])) if rate in floors else ABSENT
        for rate in RATES
    )


def _flatten(settings: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _spelled(value: Any) -> str:
    if value is None or value == []:
        return ABSENT
    if isinstance(value, float):
        return f"{value:.6g}"
    return " ".join(str(value).split())


def _where(values: Sequence[str], records: Sequence[Record]) -> str:
    """One value for all runs; else each value with the names that tell which runs have it, or with their number."""
    if len(set(values)) == 1:
        return values[0]
    for name in (task_label, model_label, lambda record: " ".join(cell(record))):
        names = list(map(name, records))
        if len(set(zip(names, values, strict=True))) == len(set(names)):
            held_by = {
                value: dict.fromkeys(n for n, v in zip(names, values, strict=True) if v == value) for value in values
            }
            return "; ".join(f"{value} ({', '.join(held_by[value])})" for value in held_by)
    return "; ".join(f"{value} ({number} of the runs)" for value, number in Counter(values).items())


def _asked(records: Sequence[Record]) -> str:
    names = {"fit": "seen", "extrapolation": "withheld", "recall": "facts"}
    asked = {
        rate: sorted({record["last"]["counts"].get(rate, [0, 0])[1] for record in records} - {0}) for rate in RATES
    }
    return ", ".join(f"{names[rate]} n = {', '.join(map(str, numbers))}" for rate, numbers in asked.items() if numbers)


def _minutes(records: Sequence[Record]) -> float:
    """Wall-clock time from the first start to the last finish."""
    times = [
        datetime.fromisoformat(record["provenance"][moment])
        for record in records
        for moment in ("started", "finished")
    ]
    return (max(times) - min(times)).total_seconds() / 60


def _surroundings(record: Record) -> dict[str, Any]:
    told_elsewhere = {"started", "finished", "seconds", "host", "resumed_from"}
    return {key: value for key, value in record["provenance"].items() if key not in told_elsewhere}


def _unfinished_runs(folder: Path) -> list[str]:
    lines = []
    for run in sorted(path for path in folder.iterdir() if path.is_dir() and not (path / "record.json").exists()):
        if (run / "failure.json").exists():
            cause = json.loads((run / "failure.json").read_text())["cause"]
            lines.append(f"{run.name} failed: {' '.join(cause.split())}")
        elif (run / "config.yaml").exists():
            lines.append(f"{run.name} is not finished")
    return lines
