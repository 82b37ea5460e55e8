"""Size: the smallest model of each ladder against its largest, a row for each comparison."""

from collections.abc import Sequence

from ...analysis.cells import Cell, Ladder, Mean
from ...boundary.shown import ABSENT
from ..claims import Claim, differs, distance_from_zero
from ..comparisons import RATES_OF_SIZE, SizeComparison, compare_sizes, joint_ladders
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import crossing_text, difference_text, kinds_text, mean_text, runs_text, share_text
from . import Section


# The tasks whose withheld questions are equations.
OF_EQUATIONS = ("arithmetic", "both", "mixture")
# Of one rate, of changes without an interval.
MOST_TRENDS = 3
HEADER = ("trained on", "differs in", "rate", "smallest", "largest", "difference")
BETWEEN = ("highest in between", "less smallest", "less largest")
TEMPLATE = """\
## Smallest against largest

{{ table }}

The smallest and the largest model of each ladder at the last checkpoint: number of parameters, mean over runs, n.
*difference*: of the largest less the smallest, over pairs of runs where both have the same seeds. *trend*: open where
its interval holds 0.
{%- if "highest in between" in table %} *highest in between*: a size whose mean is above both ends; its differences are
not corrected for its being picked. *peaks*: the intervals of both exclude 0, and that of the ends does not.
{%- endif %}
{%- if "all withheld right" in table %} *all withheld right*: the runs that get every withheld equation right.
{%- endif %}
"""


def section(study: StudyResults) -> Section | None:
    table = size_table(study.ladders)
    return Section(render(TEMPLATE, table=table)) if table else None


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
        compared = [one for one in comparisons if one.rate == rate and one.has_interval]
        kinds = [one for one in comparisons if one.rate.startswith(f"{rate} of ")]
        found = [one for one in compared if differs(one.difference)]
        claims += [_trend(found, len(compared), kinds)] if found else []
        claims += [_open(compared, kinds)] if len(found) < len(compared) else []
        picked = [one for one in compared if one.has_peak]
        claims += [_highest(picked)] if picked else []
    return claims


def trends_of(comparisons: Sequence[SizeComparison]) -> list[str]:
    """How each rate goes with size in these runs, a sentence a rate; it concludes nothing.

    Args:
        comparisons: Of too few runs for an interval, and of all questions.
    """
    sentences = []
    for rate in dict.fromkeys(one.rate for one in comparisons):
        compared = [one for one in comparisons if one.rate == rate]
        shown = sorted(compared, key=lambda one: -abs(one.difference.value))[:MOST_TRENDS]
        clauses = [_change(one) for one in compared if one in shown]
        left = len(compared) - len(shown)
        sentences.append(f"{rate.capitalize()} {'; '.join(clauses)}{f'; {left} more below' if left else ''}.")
    return sentences


def _change(one: SizeComparison) -> str:
    small, large = one.ends
    ends = [f"{cell.mean(cell.values(one.rate)).value:.2f}" for cell in one.ends]
    where = f"when trained on {one.ladder.title}"
    if one.difference.value == 0:
        return (
            f"is {ends[0]} at both {small.model} ({small.num_parameters:,} parameters) and {large.model} "
            f"({large.num_parameters:,}) {where}"
        )
    return (
        f"**{one.trend}** from {ends[0]} at {small.model} ({small.num_parameters:,} parameters) to {ends[1]} at "
        f"{large.model} ({large.num_parameters:,}) {where}"
    )


def _trend(found: Sequence[SizeComparison], num_compared: int, kinds: Sequence[SizeComparison]) -> Claim:
    """Where size makes a difference; of several comparisons the one with the largest stands for all."""
    largest = max(found, key=lambda one: abs(one.difference.value))
    trends = [
        f"**{name}** with size" + (f" in {number} of {num_compared} comparisons" if num_compared > 1 else "")
        for name in ("falls", "rises")
        if (number := sum(one.trend == name for one in found))
    ]
    where = "; most when trained on" if len(found) > 1 else ": trained on"
    text = f"{largest.rate.capitalize()} {' and '.join(trends)}{_agreement(found)}{where} {largest.ladder.title}, "
    text += f"{_ends(largest)}{kinds_text(_differences_by_kind(largest, kinds))}."
    return Claim(text, distance_from_zero(largest.difference))


def _agreement(found: Sequence[SizeComparison]) -> str:
    """Whether the paper claims so too, and of how many of them if it says nothing of others."""
    agreeing = sum(one.claim == one.trend for one in found)
    opposed = sum(one.claim not in (None, one.trend) for one in found)
    of = f" of {agreeing} of them" if agreeing < len(found) else ""
    parts = [f"as the paper claims{of}"] if agreeing else []
    of = f" in {opposed}" if opposed < len(found) else ""
    parts += [f"**against the paper's claim**{of}"] if opposed else []
    return "".join(f", {part}" for part in parts)


def _open(compared: Sequence[SizeComparison], kinds: Sequence[SizeComparison]) -> Claim:
    left = [one for one in compared if not differs(one.difference)]
    first = left[0]
    if len(compared) == 1:
        aspect = "differs between the two ends" if first.has_peak else "changes with size"
        text = f"whether {first.rate} {aspect} when trained on {first.ladder.title} ({_ends(first)}"
        return Claim(f"{text}{kinds_text(_differences_by_kind(first, kinds))})", is_open=True)
    text = f"whether {first.rate} changes with size in {len(left)} of {len(compared)} comparisons"
    ladders = [one.ladder for one in left]
    of_kinds = [one.rate for one in kinds if one.ladder in ladders and differs(one.difference)]
    exceptions = [f"{rate} in {of_kinds.count(rate)}" for rate in dict.fromkeys(of_kinds)]
    return Claim(text + (f" (but {' and '.join(exceptions)} of them)" if exceptions else ""), is_open=True)


def _differences_by_kind(one: SizeComparison, kinds: Sequence[SizeComparison]) -> dict[str, Mean]:
    return {kind.rate: kind.difference for kind in kinds if kind.ladder is one.ladder}


def _highest(picked: Sequence[SizeComparison]) -> Claim:
    distances = [min(map(distance_from_zero, one.differences_of_best)) for one in picked]
    first = picked[distances.index(max(distances))]
    differences = " and ".join(map(difference_text, first.differences_of_best))
    mean = mean_text(first.best.mean(first.best.values(first.rate)), "{:.2f}")
    others = f", and so it is in {len(picked) - 1} other comparisons" if len(picked) > 1 else ""
    text = (
        f"Trained on {first.ladder.title}, {first.rate} is **highest in between**: {mean} at {first.best.model} "
        f"({first.best.num_parameters:,} parameters), {runs_text([first.best])}, which is {differences} against the "
        f"two ends, uncorrected for its being picked{others}."
    )
    return Claim(text, max(distances))


def _ends(comparison: SizeComparison) -> str:
    small, large = comparison.ends
    means = [mean_text(cell.mean(cell.values(comparison.rate)), "{:.2f}") for cell in (small, large)]
    withheld = "equations" if small.records[0]["config"]["task"]["path"] in OF_EQUATIONS else "questions"
    questions = {"extrapolation": f"withheld {withheld}", "recall": "facts"}[comparison.rate]
    return (
        f"{small.model} ({small.num_parameters:,} parameters) gets {means[0]} of the {questions} right, {large.model} "
        f"({large.num_parameters:,}) {means[1]}, {runs_text([small, large])}, a difference of "
        f"{difference_text(comparison.difference)}"
    )


def _row(comparison: SizeComparison) -> list[str]:
    ladder, rate, best = comparison.ladder, comparison.rate, comparison.best
    return [
        ladder.task,
        ladder.differs,
        rate,
        *(_mean(cell, rate) for cell in comparison.ends),
        difference_text(comparison.difference),
        _mean(best, rate) if best else ABSENT,
        *(map(difference_text, comparison.differences_of_best) if best else [ABSENT] * 2),
        comparison.verdict,
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
    crossing = f" ({crossing_text(cell)})" if cell.is_crossed else ""
    return f"{cell.model} ({cell.num_parameters:,}): {mean}, n = {cell.num_runs}{crossing}"


def _share(cell: Cell) -> str:
    return f"{cell.model} ({cell.num_parameters:,}): {share_text(cell.share(cell.all_right('extrapolation')))}"
