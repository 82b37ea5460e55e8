"""What a report is made from: a study's records, curves, cells and ladders, read once."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..analysis.cells import RATES, Cell, Ladder, Record, cells_of, ladders_of
from ..analysis.hypotheses import Tested, assess_hypotheses
from ..config.hypotheses import FEWEST_RUNS
from ..runs.claim import read_arms, read_description, read_source
from ..runs.kept import load_curves, load_records
from ..runs.originals import Original, find_original, read_original, replicated_records
from ..runs.records import read_unfinished
from ..runs.statement import read_statement
from .markdown import plain


Curves = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class StudyResults:
    """The finished runs of a study, and which of its runs are not finished.

    Args:
        name: The study's name.
        description: What it asks; empty where its folder does not say.
        question: The same in one sentence, if its folder states it.
        tested: Its hypotheses, and what its runs say of them.
        withdrawn: The names of hypotheses that were dropped or changed when there were runs.
        records: The run records, in the order of the cells.
        cells: As `cells_of` gives them.
        ladders: As `ladders_of` gives them.
        curves: The learning curve of each run, by run id.
        unfinished: A line of text for each run that failed or did not finish.
        original: The study that it replicates, if it replicates one.
        records_of_original: The records of that study; none where it is not found.
        source: The file or task's folder by which it is run; empty where it is packaged, or its folder does not say.
    """

    name: str
    description: str
    question: str
    tested: Sequence[Tested]
    withdrawn: Sequence[str]
    records: Sequence[Record]
    cells: Sequence[Cell]
    ladders: Sequence[Ladder]
    curves: Curves
    unfinished: Sequence[str]
    original: Original | None = None
    records_of_original: Sequence[Record] = ()
    source: str = ""

    @property
    def command(self) -> str:
        """What runs it again, or finishes it."""
        return (
            self.original.command(self.name)
            if self.original
            else f"hf-capacity run {shlex.quote(self.source or self.name)}"
        )

    def command_for(self, num_seeds: int | None) -> str:
        """What does so many seeds, of either kind where they cross; a replication, whose design is fixed, again."""
        if self.original is None:
            return f"{self.command} seeds={num_seeds}"
        is_crossed = any(cell.is_crossed for cell in self.cells)
        seeds = {"model_seed+data_seed": num_seeds, "split_seed": num_seeds} if is_crossed else num_seeds
        return replace(self.original, seeds=seeds).command(f"{self.name}_again")

    @property
    def command_to_conclude(self) -> str:
        """What trains the fewest runs of each cell that have an interval, with fresh seeds."""
        return (
            self.command_for(FEWEST_RUNS)
            if self.original
            else f"hf-capacity replicate {self.name} --seeds {FEWEST_RUNS}"
        )

    @property
    def minutes_to_conclude(self) -> float:
        """How long that takes one run at a time, if it takes as long as it did."""
        seconds = sum(record["provenance"]["seconds"] for record in self.records)
        return FEWEST_RUNS * len(self.cells) * seconds / len(self.records) / 60

    @property
    def fewest_runs(self) -> int:
        """The number of runs of the cell that has fewest."""
        return min(cell.num_runs for cell in self.cells)

    @property
    def most_runs(self) -> int:
        """The number of runs of the cell that has most."""
        return max(cell.num_runs for cell in self.cells)

    @property
    def questions_asked(self) -> str:
        """How many questions stand behind each rate: `seen n = 196, withheld n = 4, facts n = 50`."""
        names = {"fit": "seen", "extrapolation": "withheld", "recall": "facts"}
        asked = {
            rate: sorted({record["last"]["counts"].get(rate, [0, 0])[1] for record in self.records} - {0})
            for rate in RATES
        }
        return ", ".join(
            f"{names[rate]} n = {', '.join(map(str, numbers))}" for rate, numbers in asked.items() if numbers
        )


def read_results(folder: Path) -> StudyResults:
    """Reads all of a study's folder that its report shows.

    Args:
        folder: The study's folder, such as `runs/too_big_to_think`.

    Raises:
        ValueError: There is no such folder or no finished run in it, or a record or a curve is damaged.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name a study's, or make it with `hf-capacity run STUDY`.")
    unfinished = [
        plain(f"{run_id} failed: {cause}") if cause else f"{run_id} is not finished"
        for run_id, cause in read_unfinished(folder).items()
    ]
    records = load_records(folder)
    if not records:
        found = "; ".join(unfinished) or "it holds no run at all"
        raise ValueError(f"{folder} has no finished run ({found}): `hf-capacity run STUDY` trains some.")
    curves = load_curves(folder, records)
    cells = cells_of(records, read_arms(folder))
    statement = read_statement(folder)
    original = read_original(folder)
    folder_of_original = find_original(folder, original) if original else None
    return StudyResults(
        name=plain(records[0]["study"]),
        description=read_description(folder),
        question=plain(statement.question),
        tested=assess_hypotheses(statement.hypotheses, cells) if statement.hypotheses else [],
        withdrawn=statement.withdrawn,
        records=[record for cell in cells for record in cell.records],
        cells=cells,
        ladders=ladders_of(cells),
        curves=curves,
        unfinished=unfinished,
        original=original,
        records_of_original=replicated_records(folder_of_original, original) if folder_of_original else (),
        source=read_source(folder),
    )
