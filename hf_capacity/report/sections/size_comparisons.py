"""Size: the smallest model of each ladder against its largest, a row for each comparison."""

from collections.abc import Sequence

from ...analysis.cells import Cell, Ladder
from ...boundary.shown import ABSENT
from ..claims import FEWEST_RUNS, SIGNIFICANT, Claim
from ..comparisons import RATES_OF_SIZE, SizeComparison, compare_sizes, joint_ladders
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import at_most, equals, mean_text, p_text, runs_text, share_text
from . import Section


# The tasks whose withheld questions are equations.
OF_EQUATIONS = ("arithmetic", "both", "mixture")
HEADER = ("trained on", "differs in", "rate", "smallest", "largest", "p")
BETWEEN = ("highest in between", "p against smallest", "p against largest")
TEMPLATE = """\
## Smallest against largest

{{ table }}

The smallest and the largest model of each ladder at the last checkpoint: number of parameters, mean over runs, n. *p*:
permutation test of the two means; with fewer than {{ fewest }} runs of a size there is none. *trend*: open where p is
not below 0.05.
{%- if "highest in between" in table %} *highest in between*: a size whose mean is above both ends; its p values
against them are not corrected for its being picked.
{%- endif %}
{%- if "all withheld right" in table %} *all withheld right*: the runs that get every withheld equation right.
{%- endif %}
"""


def section(study: StudyResults) -> Section | None:
    table = size_table(study.ladders)
    return Section(render(TEMPLATE, table=table, fewest=FEWEST_RUNS)) if table else None


def size_table(ladders: Sequence[Ladder]) -> str:
    """A row for each ladder and rate, and one where the paper claims that no joint model gets all withheld right."""
    comparisons, joint = compare_sizes(ladders), joint_ladders(ladders)
    rows = []
    for ladder in ladders:
        rows += [_row(comparison) for comparison in comparisons if comparison.ladder is ladder]
        rows += [_joint_row(ladder) for one in joint if one is ladder]
    header = [*HEADER, *BETWEEN, "trend", "the paper claims"]
    for column in (*BETWEEN, "the paper claims"):
        place = header.index(column)
        if all(row[place] == ABSENT for row in rows):
            header, rows = [*header[:place], *header[place + 1 :]], [[*row[:place], *row[place + 1 :]] for row in rows]
    return markdown_table(header, rows, num_texts=5) if rows else ""


def claims_of_size(comparisons: Sequence[SizeComparison]) -> list[Claim]:
    """What the ladders say of each rate, and what they leave open; nothing of those with too few runs."""
    claims = []
    for rate in RATES_OF_SIZE:
        tested = [one for one in comparisons if one.rate == rate and one.p_value is not None]
        found = [one for one in tested if one.is_significant]
        claims += [_trend(found, len(tested))] if found else []
        claims += [_open(tested)] if len(found) < len(tested) else []
        picked = [one for one in tested if one.p_values_of_best and max(one.p_values_of_best) < SIGNIFICANT]
        claims += [_highest(picked)] if picked else []
    return claims


def _trend(found: Sequence[SizeComparison], num_tested: int) -> Claim:
    """Where size makes a difference; of several comparisons the one with the largest stands for all."""
    largest = max(found, key=lambda one: abs(one.change))
    p_values = [one.p_value for one in found]
    trends = [
        f"**{name}** with size" + (f" in {number} of {num_tested} comparisons" if num_tested > 1 else "")
        for name in ("falls", "rises")
        if (number := sum(one.trend == name for one in found))
    ]
    text = f"{largest.rate.capitalize()} {' and '.join(trends)}"
    if len(found) > 1:
        text += f" (p {at_most(max(p_values))}){_agreement(found)}; most when trained on {largest.ladder.title}: "
        return Claim(f"{text}{_ends(largest)}.", min(p_values))
    text += f"{_agreement(found)}: trained on {largest.ladder.title}, {_ends(largest)}, p {equals(*p_values)}."
    return Claim(text, *p_values)


def _agreement(found: Sequence[SizeComparison]) -> str:
    """Whether the paper claims so too, and of how many of them if it says nothing of others."""
    agreeing = sum(one.claim == one.trend for one in found)
    opposed = sum(one.claim not in (None, one.trend) for one in found)
    of = f" of {agreeing} of them" if agreeing < len(found) else ""
    parts = [f"as the paper claims{of}"] if agreeing else []
    of = f" in {opposed}" if opposed < len(found) else ""
    parts += [f"**against the paper's claim**{of}"] if opposed else []
    return "".join(f", {part}" for part in parts)


def _open(tested: Sequence[SizeComparison]) -> Claim:
    left = [one for one in tested if not one.is_significant]
    lowest = min(one.p_value for one in left)
    if len(tested) == 1:
        text = f"whether {left[0].rate} changes with size when trained on {left[0].ladder.title} ({_ends(left[0])}, "
        return Claim(f"{text}p {equals(lowest)})", lowest, is_open=True)
    text = f"whether {left[0].rate} changes with size in {len(left)} of {len(tested)} comparisons"
    p_values = f"p from {p_text(lowest)} up" if len(left) > 1 else f"p {equals(lowest)}"
    return Claim(f"{text} ({p_values})", lowest, is_open=True)


def _highest(picked: Sequence[SizeComparison]) -> Claim:
    first = min(picked, key=lambda one: max(one.p_values_of_best))
    p_values = " and ".join(f"p {equals(p_value)}" for p_value in first.p_values_of_best)
    mean = mean_text(first.best.mean(first.best.values(first.rate)), "{:.2f}")
    others = f", and so it is in {len(picked) - 1} other comparisons" if len(picked) > 1 else ""
    text = (
        f"Trained on {first.ladder.title}, {first.rate} is **highest in between**: {mean} at {first.best.model} "
        f"({first.best.num_parameters:,} parameters), {runs_text([first.best])}, against the two ends {p_values}, "
        f"uncorrected for its being picked{others}."
    )
    return Claim(text, max(first.p_values_of_best))


def _ends(comparison: SizeComparison) -> str:
    small, large = comparison.ends
    means = [mean_text(cell.mean(cell.values(comparison.rate)), "{:.2f}") for cell in (small, large)]
    withheld = "equations" if small.records[0]["config"]["task"]["path"] in OF_EQUATIONS else "questions"
    questions = {"extrapolation": f"withheld {withheld}", "recall": "facts"}[comparison.rate]
    return (
        f"{small.model} ({small.num_parameters:,} parameters) gets {means[0]} of the {questions} right, {large.model} "
        f"({large.num_parameters:,}) {means[1]}, {runs_text([small, large])}"
    )


def _row(comparison: SizeComparison) -> list[str]:
    ladder, rate, best = comparison.ladder, comparison.rate, comparison.best
    tested = comparison.p_value is not None
    p_values = map(p_text, comparison.p_values_of_best) if comparison.p_values_of_best else [ABSENT] * 2
    return [
        ladder.task,
        ladder.differs,
        rate,
        *(_mean(cell, rate) for cell in comparison.ends),
        p_text(comparison.p_value) if tested else ABSENT,
        _mean(best, rate) if best else ABSENT,
        *p_values,
        (comparison.trend if comparison.is_significant else "open") if tested else "too few runs",
        comparison.claim or ABSENT,
    ]


def _joint_row(ladder: Ladder) -> list[str]:
    small, large = ladder.cells[0], ladder.cells[-1]
    counts = {cell.model: sum(cell.all_right("extrapolation")) for cell in ladder.cells}
    between = max(ladder.cells[1:-1], key=lambda cell: counts[cell.model], default=small)
    is_highest = counts[between.model] > max(counts[small.model], counts[large.model])
    return [
        ladder.task,
        ladder.differs,
        "all withheld right",
        _share(small),
        _share(large) if large is not small else ABSENT,
        ABSENT,
        _share(between) if is_highest else ABSENT,
        *[ABSENT] * 2,
        "some do" if any(counts.values()) else "none does",
        "none does",
    ]


def _mean(cell: Cell, rate: str) -> str:
    mean = mean_text(cell.mean(cell.values(rate)), "{:.2f}")
    independent = f" ({len(cell.units(cell.values(rate)))} independent)" if cell.is_crossed else ""
    return f"{cell.model} ({cell.num_parameters:,}): {mean}, n = {cell.num_runs}{independent}"


def _share(cell: Cell) -> str:
    return f"{cell.model} ({cell.num_parameters:,}): {share_text(cell.share(cell.all_right('extrapolation')))}"
