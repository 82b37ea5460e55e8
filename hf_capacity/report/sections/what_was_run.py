"""What the study is about, how many runs it has, and with which seeds."""

from ..markdown import render
from ..settings import describe_seeds
from ..study import StudyResults
from . import Section


TEMPLATE = """\
## What was run

{% if study.description %}
{{ study.description }}

{% endif %}
{{ study.records | length }} {{ "run" if study.records | length == 1 else "runs" }} of {{ steps }} steps. Seeds:
{{- " " ~ seeds }}.
"""


def section(study: StudyResults) -> Section:
    steps = ", ".join(f"{steps:,}" for steps in dict.fromkeys(record["config"]["steps"] for record in study.records))
    return Section(render(TEMPLATE, study=study, steps=steps, seeds=describe_seeds(study.records)))
