"""The page itself, in Markdown and in HTML."""

import base64
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt

from ..analysis.cells import RATES, Record, cells_of, flatten, ladders_of, model_label, spelled, task_label
from ..analysis.paper import published_curve
from ..boundary.shown import ABSENT
from ..boundary.writing import write_atomically
from ..config.experiment import SEEDS
from ..runs.records import is_vouched_for, read_arms, read_curve, read_description, read_records, read_unfinished
from .analyses import critical_table, kinds_table, paired_table, timing_table, withheld_table
from .bits import bits_table, draw_bits
from .capacity import capacities, capacity_caption, capacity_table
from .crowding import crowding_table, crowds_of, draw_crowding
from .curves import draw_capacity, draw_learning_curves
from .findings import finding
from .rescue import joint_cells, rescue_sentence, rescue_table
from .tables import (
    cell_table,
    choice_table,
    comparison_table,
    markdown_table,
    plain,
    questions_interval_table,
)
from .withheld_sums import draw_withheld_sums


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
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name a study's, or make it with `hf-capacity run STUDY`.")
    missing = [
        plain(f"{run_id} failed: {cause}") if cause else f"{run_id} is not finished"
        for run_id, cause in read_unfinished(folder).items()
    ]
    records = read_records(folder)
    if not records:
        found = "; ".join(missing) or "it holds no run at all"
        raise ValueError(f"{folder} has no finished run ({found}): `hf-capacity run STUDY` trains some.")
    curves = {record["run_id"]: read_curve(record["folder"]) for record in records}
    cells = cells_of(records, read_arms(folder))
    ladders = ladders_of(cells)
    records = [record for cell in cells for record in cell.records]
    crowds, found, joint = crowds_of(cells), capacities(cells), joint_cells(cells)
    figures = {
        "learning_curves.png": draw_learning_curves(ladders, curves),
        "capacity.png": draw_capacity(ladders),
        "withheld_sums.png": draw_withheld_sums(cells, curves),
        "bits.png": draw_bits(cells),
        "crowding_out.png": draw_crowding(crowds),
    }
    page = render(
        _template("report.md.jinja"),
        study=plain(records[0]["study"]),
        description=read_description(folder),
        records=records,
        seeds=seeds_told(records),
        missing=missing,
        num_unvouched=sum(not is_vouched_for(record) for record in records),
        finding=finding(ladders),
        fewest_runs=min(cell.num_runs for cell in cells),
        most_runs=max(cell.num_runs for cell in cells),
        crossed=any(cell.is_crossed for cell in cells),
        has_published_curves=any(cell.is_papers and published_curve(cell.task, cell.rung) for cell in cells),
        has_withheld_sums=bool(figures["withheld_sums.png"]),
        minutes=_minutes(records),
        asked=_asked(records),
        table=cell_table(cells),
        bits=bits_table(cells),
        capacity=capacity_table(found),
        capacity_caption=capacity_caption(found),
        crowding=crowding_table(crowds),
        rescue=rescue_table(joint),
        rescue_sentence=rescue_sentence(joint),
        intervals=questions_interval_table(cells),
        choice=choice_table(cells),
        withheld=withheld_table(cells, curves),
        by_kind=kinds_table(cells),
        one_pair_each=any("rotating_pair" in str(record["config"]["task"]) for record in records),
        comparison=comparison_table(cells),
        paired=paired_table(cells),
        critical=critical_table(cells),
        timing=timing_table(cells, curves),
        surroundings=settings_table(records, [_surroundings(record) for record in records]),
        settings=settings_table(records, [_without_seeds(record["config"]) for record in records]),
    )
    for name in [name for name, image in figures.items() if not image]:
        del figures[name]
        (folder / name).unlink(missing_ok=True)  # of an earlier report, say, of other runs
    for name, image in figures.items():
        write_atomically(folder / name, image)
    write_atomically(folder / "report.html", _html(page, figures))
    write_atomically(folder / "report.md", page)
    return folder / "report.md"


def render(template: str, **content: Any) -> str:
    """A Markdown or HTML page from a Jinja template's text; blank lines that an empty section leaves are closed up."""
    jinja = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return re.sub(r"\n{3,}", "\n\n", jinja.from_string(template).render(content))


def _template(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _html(page: str, figures: dict[str, bytes]) -> str:
    """The Markdown page as one file: its figures lie inside, and wide tables scroll by themselves."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("image", _picture)
    markdown.add_render_rule("link_open", _link)
    body = markdown.render(page, {"figures": figures})
    body = re.sub(r"<table>.*?</table>", r'<div class="wide">\g<0></div>', body, flags=re.DOTALL)
    return render(_template("report.html.jinja"), title=page.splitlines()[0].removeprefix("# "), body=body)


def _picture(renderer, tokens, place, options, env) -> str:
    """A figure of the page itself; of any other picture its words alone, so that none is asked for anywhere."""
    token = tokens[place]
    words = escape(renderer.renderInlineAsText(token.children, options, env))
    image = env["figures"].get(str(token.attrs["src"]))
    return f'<img src="data:image/png;base64,{base64.b64encode(image).decode()}" alt="{words}" />' if image else words


def _link(renderer, tokens, place, options, env) -> str:
    tokens[place].attrSet("rel", "noreferrer")
    return renderer.renderToken(tokens, place, options, env)


def settings_table(records: Sequence[Record], settings: Sequence[dict[str, Any]]) -> str:
    """What holds for all runs, or for which of them; settings that no run has are left out.

    Args:
        records: Run records.
        settings: The settings of each record, nested as they may be.
    """
    flat = [dict(flatten(setting)) for setting in settings]
    rows = []
    for key in dict.fromkeys(key for setting in flat for key in setting):
        values = [spelled(setting.get(key)) for setting in flat]
        if set(values) != {ABSENT}:
            rows.append([key, _where(values, records)])
    return markdown_table(["setting", "value"], rows, num_texts=2)


def _where(values: Sequence[str], records: Sequence[Record]) -> str:
    """One value for all runs; else each value with the names that tell which runs have it, or with their number."""
    if len(set(values)) == 1:
        return values[0]
    for name in (task_label, model_label, lambda record: f"{task_label(record)} {model_label(record)}"):
        names = list(map(name, records))
        if len(set(zip(names, values, strict=True))) == len(set(names)):
            held_by = {
                value: dict.fromkeys(n for n, v in zip(names, values, strict=True) if v == value) for value in values
            }
            return "; ".join(f"{value} ({', '.join(held_by[value])})" for value in held_by)
    return "; ".join(f"{value} ({number} of the runs)" for value, number in Counter(values).items())


def _asked(records: Sequence[Record]) -> str:
    names = {"fit": "seen", "extrapolation": "withheld", "recall": "facts"}
    asked = {
        rate: sorted({record["last"]["counts"].get(rate, [0, 0])[1] for record in records} - {0}) for rate in RATES
    }
    return ", ".join(f"{names[rate]} n = {', '.join(map(str, numbers))}" for rate, numbers in asked.items() if numbers)


def seeds_told(records: Sequence[Record]) -> str:
    """Which seeds there were: `model_seed 1 to 10; data_seed 1337; split_seed 2, 5`."""
    told = []
    for name in SEEDS:
        seeds = sorted({record["config"][name] for record in records})
        in_a_row = len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1
        told.append(f"{name} {f'{seeds[0]} to {seeds[-1]}' if in_a_row else ', '.join(map(str, seeds))}")
    return "; ".join(told)


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
    told_elsewhere = {"started", "finished", "seconds", "host", "resumed_from"}
    return {key: value for key, value in record["provenance"].items() if key not in told_elsewhere}
