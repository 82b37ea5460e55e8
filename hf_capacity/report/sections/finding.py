"""The finding: what follows from all cells, strongest first, and then what the runs leave open, once.

It is the answer of a study that states no hypothesis.
"""

import re
from collections.abc import Sequence
from operator import itemgetter

from ...analysis.cells import Cell, ladders_of
from ...analysis.times import delays
from ...boundary.shown import spell_time
from ...config.hypotheses import FEWEST_RUNS
from ..bits import has_bits
from ..claims import Claim
from ..comparisons import RATES_OF_SIZE, SizeComparison, compare_sizes
from ..markdown import code, plain, render
from ..study import Curves, StudyResults
from ..wording import has_withheld, mean_text, median_text, runs_text
from . import Section
from .capacity_in_bits import claims_of_capacity
from .crowding_out import claims_of_crowding
from .in_pairs import claims_of_pairs
from .rescue import claims_of_joint_runs
from .size_comparisons import claims_of_size, trends_of


MOST_SENTENCES = 5
# Of what was read; a model that knows less of it is rather untrained than too small.
LEARNED = 0.5
# Of cells described one by one, where there are no sizes to compare.
MOST_CELLS = 4
TEMPLATE = """\
{% if study.tested %}
## What else the runs show
{% else %}
## The answer

{% if study.question %}
**{{ study.question }}**

{% endif %}
{% if study.withdrawn %}
Stated before the runs, and dropped or changed when there were some: {{ withdrawn }}.

{% endif %}
{% endif %}

{{ unlearned }}

{% for sentence in finding %}
- {{ sentence }}
{% endfor %}

{% if unlearned %}
{% elif study.most_runs < fewest %}
**{{ "One run" if study.most_runs == 1 else study.most_runs ~ " runs" }} a cell
{{- " proves nothing**: another seed may turn out otherwise" if study.most_runs == 1
else " are too few for an interval**" }}. To conclude takes {{ fewest }}: {{ command }} trains them with fresh
{{- " seeds, in about " }}{{ time }} of one core, less with more.
{% elif not study.tested %}
No hypothesis was stated for this study: intervals only.
{% endif %}
"""


def section(study: StudyResults) -> Section | None:
    found = finding(study.cells)
    if not study.tested and not compare_sizes(study.ladders):
        found += levels(study.cells, study.curves)
    if study.tested and not found:
        return None
    return Section(
        render(
            TEMPLATE,
            study=study,
            finding=found,
            withdrawn=", ".join(map(plain, study.withdrawn)),
            fewest=FEWEST_RUNS,
            command=code(study.command_to_conclude),
            unlearned=unlearned(study),
            time=spell_time(study.minutes_to_conclude),
        )
    )


def unlearned(study: StudyResults) -> str:
    """What to do first where nothing that was read is known: who has not learned it can neither know nor extrapolate.

    Empty where some cell fits half of what it read, or the study has no rule.
    """
    fits = [(cell.mean(cell.values("fit")).value, cell) for cell in study.cells if "fit" in cell.rates]
    fit, best = max(fits, key=itemgetter(0), default=(1, None))
    if fit >= LEARNED:
        return ""
    longer = code(f"{study.command} steps={10 * best.records[0]['config']['steps']}")
    return (
        f"**No model has learned what it read**: the best, {best.model}, fits {fit:.2f} of it. Until one does, "
        f"extrapolation says nothing about size. Train longer first{'' if study.original else f': {longer}'}."
    )


def finding(cells: Sequence[Cell]) -> list[str]:
    """What the records say: of opposite records the opposite, of few runs how they came out and no more.

    Args:
        cells: All cells of a study.

    Returns:
        At most five sentences in Markdown, strongest first; the last one says what cannot be concluded, if anything.
    """
    compared = compare_sizes(ladders_of(cells))
    of_all_questions = [one for one in compared if one.rate in RATES_OF_SIZE]
    others = (claims_of_joint_runs, claims_of_pairs, claims_of_crowding, claims_of_capacity)
    claims = [*claims_of_size(compared), *(claim for source in others for claim in source(cells))]
    claims.sort(key=lambda claim: -claim.strength)
    last = _inconclusive([claim for claim in claims if claim.is_open], of_all_questions)
    sentences = [claim.text for claim in claims if not claim.is_open]
    if not any(one.has_interval for one in of_all_questions):
        sentences += trends_of(of_all_questions)
    return [*sentences[: MOST_SENTENCES - len(last)], *last]


def levels(cells: Sequence[Cell], curves: Curves) -> list[str]:
    """The rates of the first cells, a sentence each: what there is to say where no sizes are compared."""
    sentences = []
    for cell in cells[:MOST_CELLS]:
        parts = [f"{rate} {mean_text(cell.mean(cell.values(rate)), '{:.2f}')}" for rate in cell.rates]
        if has_withheld(cell):
            delay = delays([curves[record["run_id"]] for record in cell.records])
            parts += [f"median steps from fit to extrapolation {median_text(delay)}"] if delay.durations else []
        if has_bits(cell):
            bits = cell.mean([record["bits"]["per_parameter"] for record in cell.records], None)
            parts.append(f"bits per parameter {mean_text(bits, '{:.2f}')}")
        sentences.append(f"{cell.model} trained on {cell.title}: {', '.join(parts)}; {runs_text([cell])}.")
    return sentences


def _inconclusive(left_open: Sequence[Claim], compared: Sequence[SizeComparison]) -> list[str]:
    """One sentence for all that cannot be concluded; none where nothing is left open."""
    clauses = [claim.text for claim in left_open]
    parts = [f"it remains **open** {', and '.join(clauses)}"] if clauses else []
    untested = [comparison for comparison in compared if not comparison.has_interval]
    if 0 < len(untested) < len(compared):
        rates = " and ".join(dict.fromkeys(comparison.rate for comparison in untested))
        parts.append(
            f"**nothing can be concluded** about size from {len(untested)} of {len(compared)} comparisons of {rates}, "
            f"which have fewer than {FEWEST_RUNS} independent runs of a size"
        )
    return [f"{_capitalise('; '.join(parts))}."] if parts else []


def _capitalise(text: str) -> str:
    return re.sub("[a-z]", lambda letter: letter[0].upper(), text, count=1)
