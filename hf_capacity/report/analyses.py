"""What cells say together: interventions in pairs, critical capacities, when a rate is reached, what is right."""

from collections.abc import Sequence
from typing import Any

from ..analysis.cells import RATES, Cell, Mean, Record, ladders_of
from ..analysis.statistics import compare_paired, compare_paired_events, critical_capacity, first_lasting, median_time
from ..boundary.shown import ABSENT
from .tables import code, has_withheld, markdown_table, mean_text, names, p_text, share_text


# A rate is reached at the first of three evaluations in a row that are at it, as grokking is usually told.
REACHED = 0.99


def paired_table(cells: Sequence[Cell]) -> str:
    """Cells of one model against the first of them, run by run with the same seeds; empty where there are none."""
    rows = []
    for model in dict.fromkeys(cell.model for cell in cells):
        for rate in RATES:
            control, *others = [cell for cell in cells if cell.model == model and rate in cell.rates] or [None]
            for treated in others:
                pairs = pairs_of(treated, control, rate)
                if len(pairs) > 1 and not treated.is_crossed:  # crossed pairs are not independent
                    rows.append([model, rate, treated.title, control.title, *_comparison(pairs)])
    header = [
        "model",
        "rate",
        "of",
        "against",
        "pairs",
        "mean difference",
        "p",
        "all right only of",
        "only against",
        "p",
    ]
    return markdown_table(header, rows, num_texts=4) if rows else ""


def critical_table(cells: Sequence[Cell]) -> str:
    """At how many parameters a rate crosses one half, of every ladder of three sizes and more."""
    rows = []
    for ladder in ladders_of(cells):
        if len(ladder.cells) < 3:
            continue
        for rate in ladder.cells[0].rates:
            points = [(cell.num_parameters, value) for cell in ladder.cells for value in cell.values(rate)]
            found = critical_capacity(*zip(*points, strict=True))
            crossing = ABSENT if found.estimate is None else f"{found.estimate:,.0f}"
            interval = ABSENT if found.interval is None else _between(found.interval)
            brackets = ", ".join(map(_between, found.brackets)) or ABSENT
            sizes = str(len({size for size, _ in points}))
            rows.append([ladder.task, ladder.differs, rate, found.direction, sizes, crossing, interval, brackets])
    header = ["trained on", "differs in", "rate", "direction", "sizes", "by fit", "95 %", "between neighbours"]
    return markdown_table(header, rows, num_texts=4) if rows else ""


def timing_table(cells: Sequence[Cell], curves: dict[str, list[dict[str, Any]]]) -> str:
    """When fit and extrapolation are reached to stay, and the delay between them; runs that never do are censored."""
    rows = []
    for cell in filter(has_withheld, cells):
        runs = [curves[record["run_id"]] for record in cell.records]
        times = {rate: [_first_reached(run, rate) for run in runs] for rate in ("fit", "extrapolation")}
        ends = [run[-1]["step"] for run in runs]
        row = [*names(cell), str(cell.num_runs)]
        for rate in times:
            row += [share_text(cell.share([time is not None for time in times[rate]])), _median(times[rate], ends)]
        fitted = [
            (None if late is None else late - early, end - early)
            for early, late, end in zip(times["fit"], times["extrapolation"], ends, strict=True)
            if early is not None
        ]
        rows.append([*row, _median(*zip(*fitted, strict=True)) if fitted else ABSENT])
    columns = ["fit reached", "median step", "extrapolation reached", "median step", "median delay"]
    return markdown_table(["trained on", "model", "differs in", "runs", *columns], rows) if rows else ""


def withheld_table(cells: Sequence[Cell], curves: dict[str, list[dict[str, Any]]]) -> str:
    """Each withheld question and in how many runs it is right at the end; empty where runs withhold different ones."""
    verdicts = [(cell, [curves[record["run_id"]][-1]["withheld"] for record in cell.records]) for cell in cells]
    verdicts = [(cell, runs) for cell, runs in verdicts if runs[0]]  # none where they are too many to be told
    asked = {tuple(run) for _, runs in verdicts for run in runs}
    if len(asked) != 1:
        return ""
    [prompts] = asked
    rows = [
        [*names(cell), *(f"{sum(run[p] for run in runs)}/{len(runs)}" for p in prompts)] for cell, runs in verdicts
    ]
    return markdown_table(["trained on", "model", "differs in", *map(code, prompts)], rows)


def kinds_table(cells: Sequence[Cell]) -> str:
    """Extrapolation kind by kind, where a cell withholds questions of several; empty where none does."""
    rows = []
    for cell in filter(has_withheld, cells):
        kinds = [_withheld_by_kind(record) for record in cell.records]
        names_of_kinds = list(dict.fromkeys(kind for found in kinds for kind in found))
        if len(names_of_kinds) < 2:
            continue
        for kind in names_of_kinds:
            tallies = [found[kind] for found in kinds if kind in found]
            right, asked = map(sum, zip(*tallies, strict=True))
            mean = cell.mean([one / of for one, of in tallies]) if len(tallies) == cell.num_runs else None
            rows.append([*names(cell), kind, ABSENT if mean is None else mean_text(mean), f"{right:,}/{asked:,}"])
    header = ["trained on", "model", "differs in", "kind", "extrapolation", "right, all runs"]
    return markdown_table(header, rows, num_texts=4) if rows else ""


def _withheld_by_kind(record: Record) -> dict[str, list[int]]:
    return {kind: parts["unseen"] for kind, parts in record["last"].get("kinds", {}).items() if parts.get("unseen")}


def pairs_of(treated: Cell, control: Cell, rate: str) -> list[tuple[float, float]]:
    """A rate of every run and of its control, the run with the same seeds, where there is one."""
    by_seeds = [dict(zip(cell.seeds, cell.values(rate), strict=True)) for cell in (treated, control)]
    return [(by_seeds[0][seeds], by_seeds[1][seeds]) for seeds in by_seeds[0] if seeds in by_seeds[1]]


def difference_texts(pairs: Sequence[tuple[float, float]]) -> list[str]:
    """The number of pairs, the mean of their differences with its interval, and the p value of the paired test."""
    difference = compare_paired(*zip(*pairs, strict=True))
    mean = Mean(difference.mean_difference, difference.interval)
    return [str(len(pairs)), mean_text(mean, "{:+.3f}"), p_text(difference.p_value)]


def _comparison(pairs: Sequence[tuple[float, float]]) -> list[str]:
    treated, control = zip(*pairs, strict=True)
    events = compare_paired_events([value == 1 for value in treated], [value == 1 for value in control])
    counts = [str(events.only_treated), str(events.only_control)]
    return [*difference_texts(pairs), *counts, p_text(events.p_value)]


def _between(ends: tuple[float, float]) -> str:
    low, high = ends
    if low == 0:
        return f"below {high:,.0f}"
    return f"above {low:,.0f}" if high == float("inf") else f"{low:,.0f} to {high:,.0f}"


def _first_reached(curve: Sequence[dict[str, Any]], rate: str) -> int | None:
    return first_lasting([row["step"] for row in curve], [row[rate] >= REACHED for row in curve])


def _median(times: Sequence[int | None], ends: Sequence[int]) -> str:
    durations = [end if time is None else time for time, end in zip(times, ends, strict=True)]
    median, _interval = median_time(durations, [time is not None for time in times])
    return "not reached" if median is None else f"{median:,.0f}"
