"""A study's hypotheses, tested on its cells."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.stats import t as student

from ..config.experiment import SEEDS
from ..config.hypotheses import FEWEST_RUNS, FEWEST_SIZES, Hypothesis
from ..config.selections import Selection, takes
from .cells import Cell, Mean
from .contrasts import Contrast, contrast_cells
from .equivalence import adjust_holm, prove_difference, prove_equivalence
from .power import Design, detectable_difference, runs_needed
from .statistics import compare_independent, compare_paired
from .trend import change_weights, trend_p_value


SIGNIFICANT = 0.05
Verdict = Literal["supported", "opposed", "open"]


class Untestable(ValueError):
    """Some cells cannot test a hypothesis; the message says why."""


class Tested(NamedTuple):
    """A hypothesis, and what the runs say of it.

    Args:
        hypothesis: As the study states it.
        groups: The two cells that are compared, or those of a trend, small ones first; empty where there is a fault.
        num_runs: Of each group, the runs that are compared.
        is_paired: Whether they were compared seed by seed.
        difference: Of the mean rates, first less second, with its 95 % interval; of a trend, the fitted change from
            the smallest model to the largest. None where there is a fault.
        p_value: Two-sided; where `same` is expected, of the two one-sided tests of equivalence. None: not tested.
        adjusted_p_value: By Holm, over the hypotheses of the study that were stated beforehand; of those that are post
            hoc, which are to cost the others nothing, over all.
        verdict: `supported` or `opposed` where the adjusted p value is below 0.05, by the sign of the difference
            (where `same` is expected, `opposed` where the difference exceeds its margin); `open` else.
        detectable_difference: What these runs had 80 % power to find, at the level of Holm's first step (0.05 over the
            number of hypotheses); where `same` is expected, the margin. None where that is no difference up to 1, or
            where all runs are alike, so that their variance is not known.
        runs_needed: How many runs of each group have 80 % power for half of it, or of 1; None where the variance is
            not known.
        fault: Why it could not be tested, in a few words; empty where it was.
    """

    hypothesis: Hypothesis
    groups: tuple[Cell, ...] = ()
    num_runs: tuple[int, ...] = ()
    is_paired: bool = False
    difference: Mean | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    verdict: Verdict = "open"
    detectable_difference: float | None = None
    runs_needed: int | None = None
    fault: str = ""

    @property
    def seeds_needed(self) -> int | None:
        """What `seeds=N` has to be for so many runs: of crossed groups, N of either kind of seed."""
        return seeds_for(self.runs_needed, self.groups)


def assess_hypotheses(hypotheses: Sequence[Hypothesis], cells: Sequence[Cell]) -> list[Tested]:
    """Tests each hypothesis on the cells that it selects: paired where they share seeds, else as independent groups.

    Two cells are compared by the permutation tests of `statistics`, a trend by that of `trend`, sameness by two
    one-sided t tests; what crosses seeds with splits by t, both taken as random. p values are two-sided though a
    direction is expected: what is significant the other way opposes.

    Args:
        hypotheses: All of a study's, as `read_statement` gives them.
        cells: All of its cells, as `cells_of` gives them with its arms.
    """
    num_before = sum(not hypothesis.is_post_hoc for hypothesis in hypotheses)
    sizes = [len(hypotheses) if hypothesis.is_post_hoc else num_before for hypothesis in hypotheses]
    found = [_test(hypothesis, cells, size) for hypothesis, size in zip(hypotheses, sizes, strict=True)]
    p_values = [tested.p_value for tested, _ in found]
    of_all = adjust_holm(p_values)
    before = iter(adjust_holm([p for p, one in zip(p_values, hypotheses, strict=True) if not one.is_post_hoc]))
    adjusted = [p if one.is_post_hoc else next(before) for p, one in zip(of_all, hypotheses, strict=True)]
    return [
        tested._replace(adjusted_p_value=p_value, verdict=_judge(tested, contrast, p_value, SIGNIFICANT / size))
        for (tested, contrast), p_value, size in zip(found, adjusted, sizes, strict=True)
    ]


def select_groups(hypothesis: Hypothesis, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells that a hypothesis compares, those of a trend small ones first.

    Raises:
        Untestable: It cannot be tested on these cells: one is missing, or has too few runs, or there are too many.
    """
    found = [_select(selection, cells) for selection in hypothesis.selections]
    if hypothesis.trend:
        groups = tuple(sorted(found[0], key=lambda cell: cell.num_parameters))
        num_sizes = len({cell.num_parameters for cell in groups})
        if num_sizes < len(groups) or num_sizes < FEWEST_SIZES:
            expected = f"a trend takes {FEWEST_SIZES} sizes or more, and one cell of each"
            raise Untestable(f"{_spell(hypothesis.trend)} selects {_count(groups)} of {num_sizes} sizes; {expected}")
    else:
        for selection, chosen in zip(hypothesis.selections, found, strict=True):
            if len(chosen) != 1:
                raise Untestable(f"{_spell(selection)} selects {_count(chosen)}, and has to select one")
        groups = tuple(chosen[0] for chosen in found)
        if _without_seeds(groups[0]) == _without_seeds(groups[1]):
            raise Untestable(f"{' and '.join(map(_spell, hypothesis.selections))} select the same cell")
    few = min(groups, key=lambda cell: cell.num_runs)
    if few.num_runs < FEWEST_RUNS:
        raise Untestable(f"{few.title}, {few.model} has fewer than {FEWEST_RUNS} runs ({few.num_runs})")
    return groups


def measure(hypothesis: Hypothesis, groups: Sequence[Cell]) -> Contrast:
    """The difference that a hypothesis is about, of the cells that `select_groups` gives.

    Raises:
        Untestable: Some of their runs do not have its rate.
    """
    if any(None in cell.values(hypothesis.rate) for cell in groups):
        raise Untestable(f"not all runs have {hypothesis.rate}")
    return contrast_cells(groups, hypothesis.rate, weights_of(hypothesis, groups))


def weights_of(hypothesis: Hypothesis, groups: Sequence[Cell]) -> np.ndarray:
    """The weights by which the mean rates of the groups sum to the difference that a hypothesis is about."""
    return change_weights([cell.num_parameters for cell in groups]) if hypothesis.trend else np.array([1.0, -1.0])


def seeds_for(num_runs: int | None, groups: Sequence[Cell]) -> int | None:
    """What `seeds=N` has to be for so many runs of each of the groups."""
    is_crossed = any(cell.is_crossed for cell in groups)
    return math.ceil(math.sqrt(num_runs)) if num_runs and is_crossed else num_runs


def design_of(hypothesis: Hypothesis, contrast: Contrast, num_hypotheses: int) -> Design:
    """How precisely a hypothesis is measured, at the level of the first of Holm's steps."""
    return Design(
        standard_error=contrast.standard_error,
        degrees_of_freedom=contrast.degrees_of_freedom,
        num_runs=contrast.num_runs,
        is_paired=contrast.is_paired,
        is_crossed=contrast.is_crossed,
        is_trend=hypothesis.trend is not None,
        reach=contrast.reach if hypothesis.expect == "same" else None,
        level=SIGNIFICANT / num_hypotheses,
    )


def _select(selection: Selection, cells: Sequence[Cell]) -> list[Cell]:
    """The cells that a selection takes; those of one config that may stop early are one again."""
    chosen: list[Cell] = []
    for cell in cells:
        names = {arm.axis: arm.name for arm in (*cell.arms, *cell.arms_of_model)}
        if not takes(selection, cell.records[0]["config"], names):
            continue
        same = next((one for one in chosen if _without_seeds(one) == _without_seeds(cell)), None)
        if same:
            chosen.remove(same)
            cell = dataclasses.replace(same, records=(*same.records, *cell.records))
        chosen.append(cell)
    return chosen


def _test(hypothesis: Hypothesis, cells: Sequence[Cell], num_hypotheses: int) -> tuple[Tested, Contrast | None]:
    tested = Tested(hypothesis)
    try:
        groups = select_groups(hypothesis, cells)
        contrast = measure(hypothesis, groups)
    except Untestable as fault:
        return tested._replace(fault=str(fault)), None
    tested = tested._replace(
        groups=groups,
        num_runs=tuple(cell.num_runs for cell in contrast.cells),
        is_paired=contrast.is_paired,
        difference=contrast.estimate,
        p_value=_p_value(hypothesis, contrast),
    )
    if not contrast.standard_error and hypothesis.expect != "same":
        return tested, contrast
    design = design_of(hypothesis, contrast, num_hypotheses)
    detectable = detectable_difference(design)
    needed = runs_needed((detectable or 1) / 2, design)
    return tested._replace(detectable_difference=detectable, runs_needed=needed), contrast


def _p_value(hypothesis: Hypothesis, contrast: Contrast) -> float | None:
    value, freedom = contrast.estimate.value, contrast.degrees_of_freedom
    if hypothesis.expect == "same":
        return prove_equivalence(value, contrast.cautious_error, freedom, hypothesis.smallest_difference)
    if contrast.is_crossed and contrast.standard_error:
        return float(2 * student.sf(abs(value) / contrast.standard_error, freedom))
    if hypothesis.trend:
        return trend_p_value(contrast.units, contrast.weights_K, contrast.is_paired)
    return compare_paired(*contrast.units) if contrast.is_paired else compare_independent(*contrast.units)


def _judge(tested: Tested, contrast: Contrast | None, adjusted: float | None, level: float) -> Verdict:
    if contrast is None or adjusted is None:
        return "open"
    expect, value = tested.hypothesis.expect, contrast.estimate.value
    if expect == "same":
        if adjusted < SIGNIFICANT:
            return "supported"
        margin = tested.hypothesis.smallest_difference
        beyond = prove_difference(value, contrast.cautious_error, contrast.degrees_of_freedom, margin) < level
        return "opposed" if beyond else "open"
    if adjusted >= SIGNIFICANT:
        return "open"
    expected = {"higher": value > 0, "lower": value < 0, "different": True}[expect]
    return "supported" if expected else "opposed"


def _without_seeds(cell: Cell) -> dict[str, Any]:
    return {key: value for key, value in cell.records[0]["config"].items() if key not in SEEDS}


def _spell(selection: Selection) -> str:
    return "`" + " ".join(f"{key}={value}" for key, value in selection.items()) + "`"


def _count(cells: Sequence[Cell]) -> str:
    return f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"
