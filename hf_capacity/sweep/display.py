"""How far each run is: a bar a run on a terminal, plain lines elsewhere."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..config import ExperimentConfig


class Display:
    """Shows the runs that are at work; a context manager.

    Args:
        runs: All that are to be done.
        num_workers: How many go on at once.
    """

    # What of a learning curve's row is shown.
    SHOWN = ("loss", "fit", "extrapolation", "recall")
    PLAIN_LINES_A_RUN = 10

    def __init__(self, runs: Sequence[ExperimentConfig], num_workers: int):
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
