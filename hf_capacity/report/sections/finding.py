"""The finding: what follows from all cells, strongest first, and then what the runs leave open, once."""

import re
from collections.abc import Sequence

from ...analysis.cells import Cell, ladders_of
from ...config.hypotheses import FEWEST_RUNS
from ...config.seeds import has_own_pairs
from ..claims import Claim
from ..comparisons import RATES_OF_SIZE, SizeComparison, compare_sizes
from ..markdown import render
from ..study import StudyResults
from . import Section
from .capacity_in_bits import claims_of_capacity
from .crowding_out import claims_of_crowding
from .in_pairs import claims_of_pairs
from .rescue import claims_of_joint_runs
from .size_comparisons import claims_of_size


MOST_SENTENCES = 5
TEMPLATE = """\
{% macro runs(number) %}{{ number }} {{ "run" if number == 1 else "runs" }}{% endmacro %}
## {{ "What else the runs show" if study.tested else "The finding" }}

{% for sentence in finding %}
- {{ sentence }}
{% endfor %}

{% if study.most_runs == 1 %}
**One run a cell.** One run proves nothing: another seed may turn out otherwise, and an interval over the questions of
one model says nothing about that.
{% else %}
{{ study.fewest_runs ~ " to " if study.fewest_runs < study.most_runs -}}
{{ runs(study.most_runs) }} a cell, n beside each figure. Brackets hold 95 % intervals over runs
{{- ", below five runs the runs themselves" if study.fewest_runs < fewest }}. The unit is a trained model: questions
are never pooled over models. {{ intervals }} Outside of hypotheses nothing is tested, and no interval is corrected for
the number of comparisons: one in twenty excludes 0 where there is no difference.
{%- if one_pair_each %} The pair of each run is drawn by `split_seed` from one fixed list, in the same order in every
study: nothing was tried on other pairs.
{%- endif %}

{% endif %}
"""
INTERVALS = (
    "The intervals were chosen by simulation to cover at least 93 % from five runs up: of k of n runs Clopper & "
    "Pearson's, of mean rates Learned-Miller & Thomas's (2019), of differences of rates a Bayesian bootstrap with "
    "half a run at either bound, of losses and bits Student's (91 % if they are skew)."
)
CROSSED = " Where seeds and splits are crossed, both are random effects; with two seeds that matter it may be 84 %."


def section(study: StudyResults) -> Section:
    return Section(
        render(
            TEMPLATE,
            study=study,
            finding=finding(study.cells),
            fewest=FEWEST_RUNS,
            intervals=INTERVALS + (CROSSED if any(cell.is_crossed for cell in study.cells) else ""),
            one_pair_each=any("rotating_pair" in str(record["config"]["task"]) for record in study.records)
            and not has_own_pairs(record["config"]["split_seed"] for record in study.records),
        )
    )


def finding(cells: Sequence[Cell]) -> list[str]:
    """What the records say: of opposite records the opposite, of few runs nothing.

    Args:
        cells: All cells of a study.

    Returns:
        At most five sentences in Markdown, strongest first; the last one says what cannot be concluded.
    """
    compared = compare_sizes(ladders_of(cells))
    of_all_questions = [one for one in compared if one.rate in RATES_OF_SIZE]
    others = (claims_of_joint_runs, claims_of_pairs, claims_of_crowding, claims_of_capacity)
    claims = [*claims_of_size(compared), *(claim for source in others for claim in source(cells))]
    claims.sort(key=lambda claim: -claim.strength)
    last = _inconclusive([claim for claim in claims if claim.is_open], of_all_questions)
    sentences = [claim.text for claim in claims if not claim.is_open]
    return [*sentences[: MOST_SENTENCES - len(last)], *last]


def _inconclusive(left_open: Sequence[Claim], compared: Sequence[SizeComparison]) -> list[str]:
    """One sentence for all that cannot be concluded; none where nothing is left open."""
    clauses = [claim.text for claim in left_open]
    parts = [f"it remains **open** {', and '.join(clauses)}"] if clauses else []
    untested = [comparison for comparison in compared if not comparison.has_interval]
    if not compared:
        parts.append("there is one size only, so **nothing can be concluded** about size")
    elif untested:
        rates = " and ".join(dict.fromkeys(comparison.rate for comparison in untested))
        of = "any of the" if len(untested) == len(compared) else f"{len(untested)} of"
        which = f"{of} {len(compared)} comparisons of {rates}, which have"
        which = which if len(compared) > 1 else f"the one comparison of {rates}, which has"
        parts.append(
            f"**nothing can be concluded** about size from {which} fewer than {FEWEST_RUNS} independent runs of a size"
        )
    return [f"{_capitalise('; '.join(parts))}."] if parts else []


def _capitalise(text: str) -> str:
    return re.sub("[a-z]", lambda letter: letter[0].upper(), text, count=1)
