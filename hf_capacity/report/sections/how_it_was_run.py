"""How the runs were made, so that they can be made again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ...analysis.cells import Record
from ...config.experiment import SEEDS
from ...config.packaged import packaged_studies
from ...runs.records import is_vouched_for
from ..markdown import render
from ..settings import settings_table
from ..study import StudyResults
from . import Section


TEMPLATE = """\
{% macro runs(number) %}{{ number }} {{ "run" if number == 1 else "runs" }}{% endmacro %}
{% macro each(values) -%}
{% for value in values | unique %}{{ "{:,}".format(value) }}{{ ", " if not loop.last }}{% endfor %}
{%- endmacro %}
## How this was run

{{ runs(study.records | length) }} in {{ "%.1f" | format(minutes) }} minutes from the first start to the last finish;
{{ "%.1f" | format(run_minutes) }} minutes of runs added up (of a resumed run, its last session).

`{{ study.command }}` runs it again or finishes it, with the same changes (`KEY=VALUE`) if there were any
{{- unless_packaged }}. `hf-capacity report` makes this page.

{% if num_unvouched %}
Nothing vouches for {{ runs(num_unvouched) }} of these: their records were written before records held a digest of
their own, so damage to them would go unnoticed.

{% endif %}
{{ surroundings }}

Settings of the training:

{{ settings }}

{% if study.records | map(attribute="provenance.resumed_from") | select | list %}
Stopped and resumed:

{% for record in study.records if record.provenance.resumed_from %}
- {{ record.run_id }}, from step {{ each(record.provenance.resumed_from) }}
{% endfor %}

{% endif %}
"""
UNLESS_PACKAGED = ";\nif it is not a packaged study, name the path of its YAML file"


def section(study: StudyResults) -> Section:
    records = study.records
    is_known = study.original or study.source or study.name in packaged_studies()
    return Section(
        render(
            TEMPLATE,
            study=study,
            unless_packaged="" if is_known else UNLESS_PACKAGED,
            minutes=_minutes(records),
            run_minutes=sum(record["provenance"]["seconds"] for record in records) / 60,
            num_unvouched=sum(not is_vouched_for(record) for record in records),
            surroundings=settings_table(records, [_surroundings(record) for record in records]),
            settings=settings_table(records, [_without_seeds(record["config"]) for record in records]),
        )
    )


def _without_seeds(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in SEEDS}


def _minutes(records: Sequence[Record]) -> float:
    """Wall-clock time from the first start to the last finish."""
    times = [
        datetime.fromisoformat(record["provenance"][moment])
        for record in records
        for moment in ("started", "finished")
    ]
    return (max(times) - min(times)).total_seconds() / 60


def _surroundings(record: Record) -> dict[str, Any]:
    elsewhere = {"started", "finished", "seconds", "host", "resumed_from"}
    return {key: value for key, value in record["provenance"].items() if key not in elsewhere}
