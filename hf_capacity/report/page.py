"""The page itself: its sections, one after the other."""

import os
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ..boundary.writing import write_atomically
from .explorer import cell_names, explorer_specs
from .html import html_page
from .study import StudyResults, read_results


# In the order of the page; each is a file in `sections/`.
SECTIONS = (
    "opening",
    "hypotheses",
    "finding",
    "beside_the_original",
    "against_capacity",
    "what_was_run",
    "size_comparisons",
    "last_checkpoint",
    "seeds_and_splits",
    "memorised_bits",
    "capacity_in_bits",
    "crowding_out",
    "rescue",
    "kinds",
    "withheld_questions",
    "withheld_sums",
    "probes",
    "extraction",
    "best_on_withheld",
    "in_pairs",
    "critical_capacity",
    "timing",
    "phase_diagram",
    "steps_to_memorise",
    "beside_the_paper",
    "over_training",
    "reading",
    "how_it_was_run",
    "missing",
    "citation",
)


FIGURE = re.compile(r"\]\((\w+\.png)\)")


@dataclass(frozen=True)
class Report:
    """A written report: what `print` and a notebook show of it, and the path of its `report.md`."""

    path: Path
    text: str

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        """The page as a notebook shows it, with the figures from where they lie."""
        folder = os.path.relpath(self.path.parent)
        return FIGURE.sub(lambda figure: f"](<{folder}/{figure[1]}>)", self.text)


def report_study(folder: str | Path) -> Report:
    """Reports a study: `hf-capacity report` in Python.

    Writes `report.md`, its figures and `report.html` into the folder, as `write_report` does.

    Args:
        folder: The study's folder, such as `runs/quick`, or what `run_study` gives.

    Returns:
        The report, which a notebook shows and `print` prints.

    Raises:
        ValueError: There is no such folder or no finished run in it, or a record or a curve is damaged.
    """
    path = write_report(Path(folder))
    return Report(path, path.read_text(encoding="utf-8"))


def write_report(folder: Path) -> Path:
    """Writes `report.md`, the same page as `report.html`, and the figures into a study's folder.

    The HTML page holds its figures itself and needs no network. The same runs give the same bytes.

    Args:
        folder: The study's folder, such as `runs/too_big_to_think`.

    Returns:
        The path of `report.md`.

    Raises:
        ValueError: There is no such folder or no finished run in it, or a record or a curve is damaged.
    """
    folder = Path(folder)
    return write_pages(folder, read_results(folder))


def write_pages(folder: Path, study: StudyResults) -> Path:
    """What `write_report` writes, where the study's results are at hand.

    Args:
        folder: The study's folder.
        study: As `read_results` reads it of that folder.

    Returns:
        The path of `report.md`.
    """
    made = [import_module(f".sections.{name}", __package__).section(study) for name in SECTIONS]
    sections = [section for section in made if section]
    page = "\n\n".join(section.text.strip("\n") for section in sections) + "\n"
    figures = {name: image for section in sections for name, image in section.figures.items()}
    for name in _figures_shown(folder / "report.md") - set(figures):
        (folder / name).unlink(missing_ok=True)  # of an earlier report, say, of other runs
    for name, image in figures.items():
        write_atomically(folder / name, image)
    html = html_page(page, figures, explorer_specs(study), cell_names(study.cells))
    write_atomically(folder / "report.html", html)
    write_atomically(folder / "report.md", page)
    return folder / "report.md"


def _figures_shown(page: Path) -> set[str]:
    """The figures of an earlier report, if there is one."""
    text = page.read_text(encoding="utf-8", errors="replace") if page.exists() else ""
    return set(FIGURE.findall(text))
