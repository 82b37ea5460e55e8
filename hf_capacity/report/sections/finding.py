"""The finding in words, written from the records: of opposite records it says the opposite, of few ones nothing."""

from collections.abc import Sequence

from ...analysis.cells import RATES, Cell, Ladder
from ...analysis.statistics import compare_independent
from ..markdown import render
from ..study import StudyResults
from ..wording import has_withheld, mean_text, p_text, share_text
from . import Section


# Of five runs a side the exact test can reach p = 0.008, of three it cannot reach 0.05.
FEWEST_RUNS = 5
SIGNIFICANT = 0.05
# What Barron & White (2025) claim of a rate along their ladder, by training set: whether it falls or rises with size.
CLAIMS = {("arithmetic", "extrapolation"): "falls", ("capitals", "recall"): "rises", ("both", "recall"): "rises"}
RATES_OF_SIZE = ("extrapolation", "recall")
# The tasks whose withheld questions are equations.
OF_EQUATIONS = ("arithmetic", "both", "mixture")
TEMPLATE = """\
{% macro runs(number) %}{{ number }} {{ "run" if number == 1 else "runs" }}{% endmacro %}
## The finding

{% for paragraph in finding %}
{{ paragraph }}

{% endfor %}
{% if study.most_runs == 1 %}
**One run a cell.** One run proves nothing: another seed may come out otherwise, and an interval over the questions of one
model does not tell.
{% else %}
{{ study.fewest_runs ~ " to " if study.fewest_runs < study.most_runs }}{{ runs(study.most_runs) }} a cell, n beside each figure. In brackets are 95 % intervals over runs: of a mean by the percentile
bootstrap (10,000 draws), of k/n runs by Wilson{{ "; where seeds and splits are crossed, both by a
bootstrap over seeds and over splits" if crossed }}. A trained model is the unit; questions are never pooled over models.
A percentile interval of few runs is too narrow: simulated, one that says 95 % covers the mean of 3 runs in about 75 % of cases,
of 5 or 6 in 85 %, of 10 in 91 %; and there is none of runs that all come out alike. The p values are not corrected for their
number. Of all that the reports of this repository print, none stays below 0.05 after Holm's correction.
{%- if one_pair_each %} Each run's pair is drawn by `split_seed` from one fixed list, in the same order in every study: what holds
of these pairs was not tested with others.
{%- endif %}

{% endif %}
"""  # noqa: E501


def section(study: StudyResults) -> Section:
    return Section(
        render(
            TEMPLATE,
            study=study,
            finding=finding(study.ladders),
            crossed=any(cell.is_crossed for cell in study.cells),
            one_pair_each=any("rotating_pair" in str(record["config"]["task"]) for record in study.records),
        )
    )


def finding(ladders: Sequence[Ladder]) -> list[str]:
    """What the records say of the study's claim, a paragraph for each ladder and rate, with n and intervals.

    Args:
        ladders: As `ladders_of` gives them; those of a single size say nothing of size.

    Returns:
        Markdown paragraphs; "nothing can be concluded" where a cell has fewer than five runs.
    """
    paragraphs = []
    for ladder in ladders:
        for rate in RATES_OF_SIZE:
            if len(ladder.cells) > 1 and all(rate in cell.rates for cell in ladder.cells):
                paragraphs.append(_along_the_ladder(ladder, rate))
        if len(ladder.cells[0].rates) == len(RATES) and ladder.cells[0].is_papers:
            paragraphs.append(_together(ladder))
    return paragraphs or ["There is one size only, so nothing can be said of size."]


def _along_the_ladder(ladder: Ladder, rate: str) -> str:
    small, large = ladder.cells[0], ladder.cells[-1]
    on = f"Trained on {ladder.title},"
    units = [cell.units(cell.values(rate)) for cell in (small, large)]
    if min(map(len, units)) < FEWEST_RUNS:
        return (
            f"{on} **nothing can be concluded** about {rate} and size: {_runs(small)} of {small.model} and "
            f"{_runs(large)} of {large.model}, where {FEWEST_RUNS} of each are the least."
        )
    p_value = compare_independent(*units)
    means = {cell.model: cell.mean(cell.values(rate)) for cell in ladder.cells}
    trend = "falls" if means[small.model].value > means[large.model].value else "rises"
    told = p_value < SIGNIFICANT
    verdict = f"{rate} **{trend}** with size" if told else f"whether {rate} changes with size **cannot be told**"
    withheld = "equation" if small.records[0]["config"]["task"]["path"] in OF_EQUATIONS else "question"
    questions = {"extrapolation": f"withheld {withheld}s", "recall": "facts"}[rate]
    ends = [
        f"{cell.model} ({cell.num_parameters:,} parameters) gets {mean_text(means[cell.model], '{:.2f}')} of the "
        f"{questions} right over {_runs(cell)}"
        for cell in (small, large)
    ]
    sentences = [f"{on} {verdict}: {', '.join(ends)}; permutation test, p {_equals(p_value)}."]
    best = max(ladder.cells, key=lambda cell: means[cell.model].value)
    if means[best.model].value > max(means[small.model].value, means[large.model].value):
        picked = best.units(best.values(rate))
        sentence = f"It is highest in between: {best.model} ({best.num_parameters:,}) gets "
        sentence += f"{mean_text(means[best.model], '{:.2f}')} over {_runs(best)}"
        if len(picked) >= FEWEST_RUNS:
            against = [_equals(compare_independent(picked, unit)) for unit in units]
            sentence += f"; against the two ends p {' and '.join(against)}, without a correction for its being picked"
        sentences.append(f"{sentence}.")
    if rate == "extrapolation":
        sentences.append(f"Runs with every withheld {withheld} right: {_all_right(ladder.cells)}.")
    claim = CLAIMS.get((ladder.task.split(" (")[0], rate)) if small.is_papers else None
    if claim:
        agreement = "leave it open" if not told else "agree" if claim == trend else "**contradict it**"
        sentences.append(f"The study claims that it {claim}; these runs {agreement}.")
    return " ".join(sentences)


def _together(ladder: Ladder) -> str:
    cells = [cell for cell in ladder.cells if has_withheld(cell)]
    some = any(any(cell.all_right("extrapolation")) for cell in cells)
    few = min(cell.num_runs for cell in cells) < FEWEST_RUNS
    left = f" So few runs **conclude nothing**: {FEWEST_RUNS} of each size are the least." if few else ""
    return (
        f"Of models trained on {ladder.title}, the study claims that none of any size gets every withheld equation "
        f"right; here {'**some do**' if some else 'none does either'}: {_all_right(cells)}.{left}"
    )


def _all_right(cells: Sequence[Cell]) -> str:
    return ", ".join(f"{cell.model} {share_text(cell.share(cell.all_right('extrapolation')))}" for cell in cells)


def _runs(cell: Cell) -> str:
    text = f"{cell.num_runs} run" + ("s" if cell.num_runs > 1 else "")
    return f"{text} ({len(cell.units(cell.values('loss')))} independent ones)" if cell.is_crossed else text


def _equals(p_value: float) -> str:
    text = p_text(p_value)
    return text if text.startswith("<") else f"= {text}"
