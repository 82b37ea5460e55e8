"""What a person at the terminal sees: how far each run is, and how a model was marked."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from .config import ExperimentConfig


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
        self.finished = 0
        self.progress_bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[row]}"),
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
        self.console.print(f"{run_id}  FAILED: {cause}", markup=False)

    def log(self, message: str) -> None:
        """A line that is neither."""
        self.console.print(message, markup=False)

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
    table = Table("", "right", "rate", "95 % over questions", "floor", title=_name(marks["task"]))
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
            table.add_row(f"{kind}, {part}", f"{right}/{questions}", f"{right / questions:.3f}", "", _floor(floor))
    console.print(table)
    console.print("The intervals are over the questions of this one model; another seed may fall outside of them.")
    if marks["tradeoff_gap"] is not None:
        console.print(f"trade-off gap (recall - extrapolation): {marks['tradeoff_gap']:+.3f}")
    if "recall" not in marks["counts"] and "fit" not in marks["counts"]:
        console.print("What this model has seen is not known, so there is no recall, fit or extrapolation.")
    for prompt, written in marks["written_for_withheld"].items():
        verdict = "right" if marks["withheld"][prompt] else "wrong"
        console.print(f"withheld  {prompt}{written}  {verdict}", markup=False)


def _name(task: dict[str, Any]) -> str:
    return f"{task['path']} ({task['name']})" if task["name"] else task["path"]


def _floor(floor: float | None) -> str:
    return "" if floor is None else f"{floor:.3f}"
