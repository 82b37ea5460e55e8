"""A replication's cells beside those of the original, and both pooled."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from .cells import Cell, Record, cells_of


class Replicated(NamedTuple):
    """The runs of one config in two studies.

    Args:
        original: Those of the study that was replicated.
        replication: Those of the study that replicates it.
        pooled: Those of both.
    """

    original: Cell
    replication: Cell
    pooled: Cell


def replicated_cells(cells: Sequence[Cell], original: Sequence[Record]) -> list[Replicated]:
    """Each cell of a replication beside that of the original, of those that the original has too.

    Args:
        cells: The replication's.
        original: The records of the original.
    """
    cell_of = {record["run_id"]: cell for cell in cells for record in cell.records}
    found = []
    for both in cells_of([record for cell in cells for record in cell.records] + list(original)):
        own = [record for record in both.records if record["run_id"] in cell_of]
        theirs = [record for record in both.records if record["run_id"] not in cell_of]
        if own and theirs:
            cell = cell_of[own[0]["run_id"]]
            found.append(
                Replicated(*(dataclasses.replace(cell, records=tuple(runs)) for runs in (theirs, own, both.records)))
            )
    return sorted(found, key=lambda one: list(cells).index(cell_of[one.replication.records[0]["run_id"]]))
