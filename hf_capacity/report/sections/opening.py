"""The title, and whether runs are missing."""

from ..markdown import render
from ..study import StudyResults
from . import Section


TEMPLATE = """\
# {{ study.name }}

{% if study.unfinished %}
{% set number = study.unfinished | length %}
**{{ number }} {{ "run" if number == 1 else "runs" }} failed or did not finish: see the end.**

{% endif %}
"""


def section(study: StudyResults) -> Section:
    return Section(render(TEMPLATE, study=study))
