"""What a person at the terminal sees: how far each run is, how a model was marked, and the runs of a study."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from ..boundary.shown import ABSENT, shown
from ..config.experiment import ExperimentConfig
from ..config.model import label_of


if TYPE_CHECKING:
    import pandas

# Of the runs without a result so many of each sort are named.
NAMED = 10


class Display:
    """Shows the runs that are at work, a bar each on a terminal and plain lines elsewhere; a context manager.

    Args:
        runs: All that are to be done.
    """

    # What of a learning curve's row is shown.
    SHOWN = ("loss", "fit", "extrapolation", "recall")
    PLAIN_LINES_A_RUN = 10

    def __init__(self, runs: Sequence[ExperimentConfig]):
        self.steps = {run.run_id: run.steps for run in runs}
        self.console = Console(soft_wrap=True, highlight=False)
        self.told = dict.fromkeys(self.steps, -1)
        self.bars: dict[str, Any] = {}
        self.holders: dict[str, str] = {}
        self.finished = 0
        self.progress_bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[row]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> "Display":
        self.progress_bars.start()
        return self

    def __exit__(self, *_exception) -> None:
        self.progress_bars.stop()

    def progress(self, run_id: str, step: int, row: dict[str, Any] | None) -> None:
        """A run is at `step`; after an evaluation with the newest `row`."""
        if self.console.is_terminal:
            if run_id not in self.bars:
                self.bars[run_id] = self.progress_bars.add_task(run_id, total=self.steps[run_id], row="")
            changes = {"row": _told(row)} if row else {}
            self.progress_bars.update(self.bars[run_id], completed=step, **changes)
        elif row and step * self.PLAIN_LINES_A_RUN // self.steps[run_id] > self.told[run_id]:
            self.told[run_id] = step * self.PLAIN_LINES_A_RUN // self.steps[run_id]
            self.console.print(f"{run_id}  step {step}/{self.steps[run_id]}  {_told(row)}", markup=False)

    def done(self, run_id: str) -> None:
        """A run is finished."""
        self._close(run_id)
        self.console.print(f"{run_id}  done ({self.finished} of {len(self.steps)})", markup=False)

    def failed(self, run_id: str, cause: str) -> None:
        """A run failed."""
        self._close(run_id)
        self.console.print(f"{run_id}  FAILED: {shown(cause)}", markup=False)

    def waits(self, run_id: str, holder: str) -> None:
        """A run is somebody else's for now; that is said once of each holder."""
        if self.holders.get(run_id) != holder:
            self.holders[run_id] = holder
            self.log(f"{run_id}: {holder} Its turn comes again.")

    def log(self, message: str) -> None:
        """A line that is neither."""
        self.console.print(shown(message), markup=False)

    def _close(self, run_id: str) -> None:
        self.finished += 1
        if run_id in self.bars:
            self.progress_bars.remove_task(self.bars.pop(run_id))


def _told(row: dict[str, Any]) -> str:
    names = {"fit": "seen", "extrapolation": "withheld", "recall": "facts"}
    rates = [f"{names[name]} {row[name]:.2f}" for name in names if row[name] is not None]
    return "  ".join([f"loss {row['loss']:.4f}", *rates])


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


def _name(task: dict[str, Any]) -> str:
    return f"{task['path']} ({task['name']})" if task["name"] else task["path"]


def _floor(floor: float | None) -> str:
    return "" if floor is None else f"{floor:.3f}"


def show_results(table: "pandas.DataFrame", unfinished: dict[str, str | None]) -> None:
    """Prints the finished runs, a line each, with their arms and the settings that differ between runs of one arm.

    Of a study that names no arms: between runs of one task and model.

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
