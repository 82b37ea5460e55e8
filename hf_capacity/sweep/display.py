"""What a person at the terminal, or in a notebook, sees while runs are at work: how far each of them is."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from ..boundary.shown import shown
from ..config.experiment import ExperimentConfig


class Display:
    """Shows the runs that are at work, a bar each on a terminal and plain lines elsewhere; a context manager.

    Args:
        runs: All that are to be done.
        verbosity: 0; -1 to show nothing; 1 for a line at every evaluation of every run, everywhere.
    """

    # What of a learning curve's row is shown.
    SHOWN = ("loss", "fit", "extrapolation", "recall")
    PLAIN_LINES_A_RUN = 10
    # From so many columns on there is room for bars beside the numbers.
    ROOM_FOR_BARS = 120

    def __init__(self, runs: Sequence[ExperimentConfig], verbosity: int = 0):
        self.steps = {run.run_id: run.steps for run in runs}
        self.verbosity = verbosity
        # Plain lines in a notebook too, where each would else be an HTML page of its own.
        self.console = Console(soft_wrap=True, highlight=False, force_jupyter=False, quiet=verbosity < 0)
        self.shown_lines = dict.fromkeys(self.steps, -1)
        self.bars: dict[str, Any] = {}
        self.holders: dict[str, str] = {}
        self.finished = 0
        self.has_bars = self.console.is_terminal and verbosity == 0
        # Of what is too wide the name alone is cut: others must not be wrapped, and give way only after it.
        name = TextColumn("{task.description}", markup=False, table_column=Column(overflow="ellipsis"))
        row = TextColumn("{task.fields[row]}", markup=False, table_column=Column(no_wrap=True))
        wide = (name, BarColumn(bar_width=20), MofNCompleteColumn(), row, TimeElapsedColumn(), TimeRemainingColumn())
        narrow = (name, TextColumn("{task.percentage:3.0f}%"), row)
        self.progress_bars = Progress(
            *(wide if self.console.width >= self.ROOM_FOR_BARS else narrow),
            console=self.console,
            disable=not self.has_bars,
        )

    def __enter__(self) -> "Display":
        self.progress_bars.start()
        return self

    def __exit__(self, *_exception) -> None:
        self.progress_bars.stop()

    def progress(self, run_id: str, step: int, row: dict[str, Any] | None) -> None:
        """A run is at `step`; after an evaluation with the newest `row`."""
        if self.has_bars:
            if run_id not in self.bars:
                self.bars[run_id] = self.progress_bars.add_task(run_id, total=self.steps[run_id], row="")
            changes = {"row": _told(row)} if row else {}
            self.progress_bars.update(self.bars[run_id], completed=step, **changes)
        elif row and self._is_due(run_id, step):
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

    def _is_due(self, run_id: str, step: int) -> bool:
        """Whether an evaluation gets a line: each where asked for, else so many of a run."""
        line = step * self.PLAIN_LINES_A_RUN // self.steps[run_id]
        is_new, self.shown_lines[run_id] = line > self.shown_lines[run_id], line
        return is_new or self.verbosity > 0

    def _close(self, run_id: str) -> None:
        self.finished += 1
        if run_id in self.bars:
            self.progress_bars.remove_task(self.bars.pop(run_id))


def _told(row: dict[str, Any]) -> str:
    names = {"fit": "seen", "extrapolation": "withheld", "recall": "facts"}
    rates = [f"{names[name]} {row[name]:.2f}" for name in names if row[name] is not None]
    return "  ".join([f"loss {row['loss']:.4f}", *rates])
