"""Finished runs, and what one model was found to know and to look like inside, as a terminal shows them."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..boundary.shown import ABSENT, shown
from ..config.model import label_of


if TYPE_CHECKING:
    import pandas

# Of the runs without a result so many of each sort are named.
NAMED = 10


def show_rows(names: Sequence[str], rows: Iterable[Iterable[str]]) -> None:
    """Prints a table that fits the terminal: lines that are too long are broken within their column."""
    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(escape, row))
    Console(highlight=False).print(table)


def show_marks(marks: dict[str, Any]) -> None:
    """Prints what `evaluate_model` found: every rate with its count, interval and floor."""
    console = Console(soft_wrap=True, highlight=False)
    intervals, floors = marks["intervals_over_questions_of_one_model"], marks["floors"]
    table = Table("", "right", "rate", "95 % over questions", "floor", title=escape(shown(_name(marks["task"]))))
    for rate, (right, questions) in marks["counts"].items():
        low, high = intervals[rate]
        table.add_row(
            rate.replace("_", " "),
            f"{right}/{questions}",
            f"{right / questions:.3f}",
            f"{low:.3f} to {high:.3f}",
            _floor(floors.get(rate)),
        )
    for kind, parts in marks["kinds"].items():
        for part, (right, questions) in parts.items():
            floor = floors["kinds"].get(kind, {}).get(part)
            table.add_row(
                escape(shown(f"{kind}, {part}")), f"{right}/{questions}", f"{right / questions:.3f}", "", _floor(floor)
            )
    console.print(table)
    console.print("The intervals are over the questions of this one model; another seed may fall outside of them.")
    if "asked" in marks:
        asked, known = marks["asked"]
        console.print(f"Asked: {asked:,} of {known:,} questions, the first of each rate, as `--limit` says.")
    if marks["tradeoff_gap"] is not None:
        console.print(f"trade-off gap (recall - extrapolation): {marks['tradeoff_gap']:+.3f}")
    if "recall" not in marks["counts"] and "fit" not in marks["counts"]:
        console.print("What this model has seen is not known, so there is no recall, fit or extrapolation.")
    if marks.get("vouched_for") is False:
        console.print("Nothing vouches for this model: there is no record of its run that holds a digest of its own.")
    withheld = [row for row in marks["answers"] if row["seen"] is False] if marks["withheld"] else []
    prompts = Counter(row["prompt"] for row in withheld)
    for row in withheld:
        asked = f" (asked for {row['answer']})" if prompts[row["prompt"]] > 1 else ""
        verdict = "right" if row["right"] else "wrong"
        console.print(shown(f"withheld  {row['prompt']}{row['written']}{asked}  {verdict}"), markup=False)


def show_probes(found: dict[str, Any]) -> None:
    """Prints what `probe_model` found: a line a probe, and the extraction curve."""
    console = Console(soft_wrap=True, highlight=False)
    frequencies = found["fourier_shares"]
    strongest = max(range(len(frequencies)), key=frequencies.__getitem__)
    table = Table("probe", "value", "scale", title=escape(shown(_name(found["task"]))))
    table.columns[1].justify = "right"
    for name, value, meaning in (
        ("number line, R2", found["number_line"], "1 on a line, 0 as the mean"),
        ("parallelogram ratio", found["parallelogram_ratio"], "0 additive, 1 nothing additive"),
        ("effective rank", found["effective_rank"], f"of {len(found['variance_shares'])} directions"),
        (f"frequency {strongest + 1}, share", frequencies[strongest], f"the strongest of {len(frequencies)}"),
        ("inverse participation", found["inverse_participation_ratio"], "1 one frequency alone"),
        ("weight norm", found["weight_norm"], "of all weights"),
    ):
        table.add_row(name, f"{value:.3f}", meaning)
    for name, one in found.get("linear_probes", {}).items():
        control = f"{one['shuffled']:.3f} with shuffled numbers"
        table.add_row(f"{name.replace('_', ' ')}, withheld R2", f"{one['withheld']:.3f}", control)
    console.print(table)
    rates = found["extraction"][-1]["counts"]
    curve = Table("directions", *(rate.replace("_", " ") for rate in rates), title="right with numbers projected")
    for row in found["extraction"]:
        curve.add_row(str(row["directions"]), *("/".join(map(str, tally)) for tally in row["counts"].values()))
    console.print(curve)
    if "linear_probes" not in found:
        console.print("What this model has seen is not known, so there is no linear probe.")


def _name(task: dict[str, Any]) -> str:
    return f"{task['path']} ({task['name']})" if task["name"] else task["path"]


def _floor(floor: float | None) -> str:
    return "" if floor is None else f"{floor:.3f}"


def show_results(table: "pandas.DataFrame", unfinished: dict[str, str | None]) -> None:
    """Prints the finished runs, a line each, with their arms and the settings that differ between runs of one cell.

    Args:
        table: As `load_results` gives it.
        unfinished: As `read_unfinished` gives it.
    """
    models = _models(table)
    settings = table[[name for name in table if name.startswith("config.")]]
    axes = [_texts(table, name) for name in table if name.startswith("arms.")]
    arms = [", ".join(names) for names in zip(*axes, strict=True)]
    names = [table["config.task.path"].to_numpy(), models, *([arms] if arms else [])]
    values_a_cell = settings.astype(str).fillna(ABSENT).groupby(names).nunique().max()
    texts = {"run": _texts(table, "run_id"), "trained on": _texts(table, "config.task.path"), "model": models}
    texts |= {"arm": arms} if arms else {}
    for name in settings.columns[values_a_cell > 1]:
        texts[name.removeprefix("config.")] = _texts(table, name)
    numbers = {
        "parameters": _texts(table, "num_parameters", "{:,}".format),
        **{rate: _fractions(table, f"last.counts.{rate}") for rate in ("fit", "extrapolation", "recall")},
        "loss": _texts(table, "last.loss", "{:.3f}".format),
        "late solved": _fractions(table, "late_evaluations_solved", ("solved", "evaluations")),
    }
    # By hand: rich takes five seconds for ten thousand lines, and breaks them where nobody looks at a terminal.
    columns = [_aligned(name, column, str.ljust) for name, column in texts.items()]
    columns += [_aligned(name, column, str.rjust) for name, column in numbers.items()]
    print("\n".join("  ".join(line) for line in zip(*columns, strict=True)))
    unvouched = int((~table["vouched_for"]).sum())
    if unvouched:
        print(f"Nothing vouches for {unvouched:,} of {len(table):,} runs: their records hold no digest of their own.")
    failed = [f"{run_id} failed: {cause}" for run_id, cause in unfinished.items() if cause]
    open_ = [f"{run_id} is not finished" for run_id, cause in unfinished.items() if not cause]
    for lines in (failed, open_):
        for line in lines[:NAMED]:
            print(shown(line))
        if lines[NAMED:]:
            print(f"... and {len(lines) - NAMED} more like this")


def _models(table: "pandas.DataFrame") -> list[str]:
    keys = table.filter(regex=r"^config\.model\.").rename(columns=lambda name: name.removeprefix("config.model."))
    rows = zip(keys.to_dict("records"), keys.notna().to_dict("records"), strict=True)
    return [label_of({key: row[key] if known[key] else None for key in row}) for row, known in rows]


def _texts(table: "pandas.DataFrame", name: str, spell: Callable[[Any], str] = str) -> list[str]:
    if name not in table:
        return [ABSENT] * len(table)
    return [
        shown(spell(value)) if known else ABSENT
        for value, known in zip(table[name].tolist(), table[name].notna(), strict=True)
    ]


def _fractions(table: "pandas.DataFrame", name: str, pair: tuple[str, str] = ("correct", "questions")) -> list[str]:
    counts = zip(*(_texts(table, f"{name}.{number}", "{:,}".format) for number in pair), strict=True)
    return [ABSENT if ABSENT in count else "/".join(count) for count in counts]


def _aligned(name: str, column: Sequence[str], justify: Callable[[str, int], str]) -> list[str]:
    width = max(map(len, [name, *column]))
    return [justify(text, width) for text in [name, *column]]
