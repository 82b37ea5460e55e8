"""What a person at the terminal sees while runs are at work: how far each of them is."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..boundary.shown import shown
from ..config.experiment import ExperimentConfig


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
        self.shown_lines = dict.fromkeys(self.steps, -1)
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
        elif row and step * self.PLAIN_LINES_A_RUN // self.steps[run_id] > self.shown_lines[run_id]:
            self.shown_lines[run_id] = step * self.PLAIN_LINES_A_RUN // self.steps[run_id]
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
