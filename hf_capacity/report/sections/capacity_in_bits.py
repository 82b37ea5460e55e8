"""Capacity in bits: the most that a size memorises of any number of items (Morris et al. 2025).

The items are random strings, facts with given keys or lines with shuffled answers, and each is a yardstick of its own.
"""

import dataclasses
import itertools
import json
from collections.abc import Sequence
from typing import NamedTuple

import scipy.stats

from ...analysis.cells import Cell, Record
from ...config.experiment import SEEDS
from ...config.hypotheses import FEWEST_SIZES
from ..bits import YARDSTICKS, demanded_bits, estimator_of, has_bits
from ..claims import Claim
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import in_common, mean_text, runs_text
from . import Section


# The parameters of tasks that say how many items there are, and how many of them are asked.
NUMBERS_OF_ITEMS = {"num_strings", "num_keys", "num_lines", "num_questions"}
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
        items: The numbers of items that were tried, fewest first.
        demanded: The bits of the largest demand.
    """

    best: Cell
    differs: str
    items: list[int]
    demanded: float

    @property
    def estimator(self) -> str:
        """The yardstick."""
        return estimator_of(self.best)

    @property
    def is_lower_bound(self) -> bool:
        """Whether a run filled the largest demand, so that it might have taken in more."""
        return max(map(_memorised, self.best.records)) >= FILLED * self.demanded


def capacities(cells: Sequence[Cell]) -> list[Capacity]:
    """The capacity of every model that was run on two numbers of items or more, small models first."""
    groups: dict[str, list[Cell]] = {}
    for cell in sorted(filter(has_bits, cells), key=lambda cell: cell.num_parameters):
        groups.setdefault(_all_but_the_demand(cell), []).append(cell)
    found = []
    for group in groups.values():
        records = [record for cell in group for record in cell.records]
        items = sorted({record["bits"]["items"] for record in records})
        by_seeds: dict[tuple[int, ...], list[Record]] = {}
        for cell in group:
            for seeds, record in zip(cell.seeds, cell.records, strict=True):
                by_seeds.setdefault(seeds, []).append(record)
        # A seed without some demand has fewer to pick from than the others.
        picked = [max(runs, key=_memorised) for _, runs in sorted(by_seeds.items()) if len(runs) == len(items)]
        if len(items) > 1 and picked:
            best = dataclasses.replace(group[0], records=tuple(picked))
            demanded = max(map(demanded_bits, group))
            found.append(Capacity(best, in_common(group), items, demanded))
    return sorted(found, key=_kind)  # small models first, still


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
                f"{capacity.items[0]:,} to {capacity.items[-1]:,} {YARDSTICKS[capacity.estimator].items}",
                ", ".join(f"{items:,}" for items in sorted({one["items"] for one in bits})),
                mean_text(best.mean([one["memorised"] for one in bits], None), "{:,.0f}"),
                mean_text(best.mean([one["per_parameter"] for one in bits], None), "{:.2f}"),
                f"{[one['converged'] for one in bits].count(True)}/{len(bits)}",
            ]
        )
    header = ["model", "differs in", "parameters", "runs", "of", "most of", "capacity, bits", "per parameter"]
    return markdown_table([*header, "converged"], rows, num_texts=2) if rows else ""


def capacity_caption(found: Sequence[Capacity]) -> str:
    """What the table counts, what others measured, and whose capacity is only a lower bound."""
    estimators = list(dict.fromkeys(one.estimator for one in found))
    items = " or ".join(YARDSTICKS[estimator].items for estimator in estimators)
    sentences = [
        f"The capacity of a size is the most bits that each run memorised of any number of {items} (*most of*: of how "
        "many), averaged over runs; *converged* counts these runs.",
        *(YARDSTICKS[estimator].measured for estimator in estimators),
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
    claims = []
    for (_, differs), group in itertools.groupby(capacities(cells), _kind):
        found = list(group)
        ends = [found[0], found[-1]] if len(found) > 1 else found
        texts = [_end_text(one) for one in ends]
        over = runs_text([one.best for one in ends])
        what = f"Bits of {found[0].estimator} held per parameter{f' ({differs})' if differs else ''}"
        slope = capacity_slope(found)
        num_sizes = len({one.best.num_parameters for one in found})
        grows = f"; over {num_sizes} sizes, capacity grows by {slope} bits a parameter" if slope else ""
        claims.append(Claim(f"{what}: {' and '.join(texts)}, {over}{grows}."))
    return claims


def capacity_slope(found: Sequence[Capacity]) -> str:
    """By how many bits a series grows per parameter: least squares over runs, with the t interval of the slope.

    Empty below three sizes; where all runs hold as much, there is no spread to draw an interval from.
    """
    sizes = [one.best.num_parameters for one in found for _ in one.best.records]
    if len(set(sizes)) < FEWEST_SIZES:
        return ""
    bits = [_memorised(record) for one in found for record in one.best.records]
    if len(set(bits)) == 1:
        return "0.00 (all alike)"
    line = scipy.stats.linregress(sizes, bits)
    reach = scipy.stats.t.ppf(0.975, len(bits) - 2) * line.stderr
    return f"{line.slope:.2f} ({line.slope - reach:.2f} to {line.slope + reach:.2f})"


def _end_text(capacity: Capacity) -> str:
    best, bound = capacity.best, "at least " if capacity.is_lower_bound else ""
    mean = mean_text(best.mean([record["bits"]["per_parameter"] for record in best.records], None), "{:.2f}")
    return f"{bound}{mean} at {best.model} ({best.num_parameters:,} parameters)"


def _kind(capacity: Capacity) -> tuple[int, str]:
    """What capacities have to share to be of one series: the yardstick, and what sets their runs apart."""
    return list(YARDSTICKS).index(capacity.estimator), capacity.differs


def _all_but_the_demand(cell: Cell) -> str:
    config = cell.records[0]["config"]
    # Of more items as many exposures take more steps.
    left_out = {"task", *SEEDS, *(["steps"] if "exposures" in config else [])}
    settings = {key: value for key, value in config.items() if key not in left_out}
    parameters = {key: value for key, value in config["task"]["parameters"].items() if key not in NUMBERS_OF_ITEMS}
    return json.dumps([config["task"] | {"parameters": parameters}, cell.num_parameters, settings], sort_keys=True)


def _memorised(record: Record) -> float:
    return record["bits"]["memorised"]
