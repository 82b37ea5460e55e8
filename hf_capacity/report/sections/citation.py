"""What to cite."""

from ..study import StudyResults
from . import Section


TEMPLATE = """\
## To cite

hf_capacity (see its CITATION.cff), with the name of this study and the commit above; and the paper that it rebuilds:
Joshua Barron and Devin White, *Too Big to Think: Capacity, Memorization, and Generalization in Pre-Trained
Transformers*, ICML 2025 workshop TTODLer-FM, [arXiv 2506.09099](https://arxiv.org/abs/2506.09099).
"""


def section(study: StudyResults) -> Section:
    return Section(TEMPLATE)
