"""Capacity in bits: the most that a size memorises of any number of random strings (Morris et al. 2025)."""

import dataclasses
import json
from collections.abc import Sequence
from typing import NamedTuple

from ...analysis.cells import Cell, Record
from ...config.experiment import SEEDS
from ..bits import RANDOM_STRINGS, estimator_of, has_bits
from ..claims import Claim
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import in_common, mean_text, runs_text
from . import Section


# Morris et al. 2025, arXiv 2505.24832, in bits per parameter: in bfloat16; the mean in float32; lowest and highest.
MORRIS_BF16 = 3.6
MORRIS_FP32 = 3.83
MORRIS_RANGE = (2.86, 4.23)
# A demand is filled a little short of all of it: up to log2 N bits of each of N strings no model can memorise.
FILLED = 0.9
TEMPLATE = """\
### Capacity

{{ capacity }}

{{ capacity_caption }}
"""


def section(study: StudyResults) -> Section | None:
    found = capacities(study.cells)
    if not found:
        return None
    return Section(render(TEMPLATE, capacity=capacity_table(found), capacity_caption=capacity_caption(found)))


class Capacity(NamedTuple):
    """What one size memorised at most.

    Args:
        best: For each seed the run in which most was memorised.
        differs: What sets all of its runs apart from those of other models of the same name.
        items: The numbers of strings that were tried, fewest first.
        demanded: The bits of the largest demand.
    """

    best: Cell
    differs: str
    items: list[int]
    demanded: float

    @property
    def is_lower_bound(self) -> bool:
        """Whether a run filled the largest demand, so that it might have taken in more."""
        return max(map(_memorised, self.best.records)) >= FILLED * self.demanded


def capacities(cells: Sequence[Cell]) -> list[Capacity]:
    """The capacity of every model that was run on two demands of random strings or more, small models first."""
    groups: dict[str, list[Cell]] = {}
    for cell in sorted(filter(has_bits, cells), key=lambda cell: cell.num_parameters):
        if estimator_of(cell) == RANDOM_STRINGS:
            groups.setdefault(_all_but_the_demand(cell), []).append(cell)
    found = []
    for group in groups.values():
        records = [record for cell in group for record in cell.records]
        demands = sorted({(record["bits"]["demanded"], record["bits"]["items"]) for record in records})
        by_seeds: dict[tuple[int, ...], list[Record]] = {}
        for cell in group:
            for seeds, record in zip(cell.seeds, cell.records, strict=True):
                by_seeds.setdefault(seeds, []).append(record)
        # A seed without some demand has fewer to pick from than the others.
        picked = [max(runs, key=_memorised) for _, runs in sorted(by_seeds.items()) if len(runs) == len(demands)]
        if len(demands) > 1 and picked:
            best = dataclasses.replace(group[0], records=tuple(picked))
            found.append(Capacity(best, in_common(group), [items for _, items in demands], demands[-1][0]))
    return found


def capacity_table(found: Sequence[Capacity]) -> str:
    """A row a size: the most memorised, per run, then its mean over runs; empty where there is none."""
    rows = []
    for capacity in found:
        best, bits = capacity.best, [record["bits"] for record in capacity.best.records]
        rows.append(
            [
                best.model,
                capacity.differs,
                f"{best.num_parameters:,}",
                str(best.num_runs),
                f"{capacity.items[0]:,} to {capacity.items[-1]:,}",
                ", ".join(f"{items:,}" for items in sorted({one["items"] for one in bits})),
                mean_text(best.mean([one["memorised"] for one in bits], None), "{:,.0f}"),
                mean_text(best.mean([one["per_parameter"] for one in bits], None), "{:.2f}"),
                f"{[one['converged'] for one in bits].count(True)}/{len(bits)}",
            ]
        )
    header = ["model", "differs in", "parameters", "runs", "strings", "most of", "capacity, bits", "per parameter"]
    return markdown_table([*header, "converged"], rows, num_texts=2) if rows else ""


def capacity_caption(found: Sequence[Capacity]) -> str:
    """What the table counts, what others measured, and whose capacity is only a lower bound."""
    low, high = MORRIS_RANGE
    sentences = [
        "The capacity of a size is the most bits that each run memorised of any number of strings (*most of*: of how "
        "many), averaged over runs; *converged* counts these runs.",
        f"Morris et al. (2025, arXiv 2505.24832) measured {MORRIS_BF16} bits per parameter in bfloat16, {MORRIS_FP32} "
        f"in float32 on average, {low} to {high} over all models.",
    ]
    bounded = [" ".join(filter(None, (one.best.model, one.differs))) for one in found if one.is_lower_bound]
    if bounded:
        sentences.append(
            f"For {', '.join(bounded)} the capacity is only a lower bound: a run memorised nine tenths or more of the "
            "largest demand."
        )
    return " ".join(sentences)


def claims_of_capacity(cells: Sequence[Cell]) -> list[Claim]:
    """What the smallest and the largest model hold."""
    found = capacities(cells)
    if not found:
        return []
    ends = [found[0], found[-1]] if len(found) > 1 else found
    texts = [_end_text(one) for one in ends]
    over = runs_text([one.best for one in ends])
    return [Claim(f"Bits of random strings held per parameter: {' and '.join(texts)}, {over}.")]


def _end_text(capacity: Capacity) -> str:
    best, bound = capacity.best, "at least " if capacity.is_lower_bound else ""
    mean = mean_text(best.mean([record["bits"]["per_parameter"] for record in best.records], None), "{:.2f}")
    return f"{bound}{mean} at {best.model} ({best.num_parameters:,} parameters)"


def _all_but_the_demand(cell: Cell) -> str:
    config = cell.records[0]["config"]
    # Of more items as many exposures take more steps.
    left_out = {"task", *SEEDS, *(["steps"] if "exposures" in config else [])}
    settings = {key: value for key, value in config.items() if key not in left_out}
    return json.dumps([config["task"]["path"], cell.num_parameters, settings], sort_keys=True)


def _memorised(record: Record) -> float:
    return record["bits"]["memorised"]
