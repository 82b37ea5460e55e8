"""Lays the learning curves of studies over each other: what a change that moves numbers has to show.

    python scripts/overlay_curves.py before=runs/old/too_big_to_think after=runs/too_big_to_think --output runs/overlay

Each argument is NAME=FOLDER, a study's folder; the same name may come again, for more seeds. Writes `losses.csv` with
the loss of every run at every evaluation, `report.md` with the last losses, and `losses.png`.
"""

from pathlib import Path
from typing import Annotated

import matplotlib
import pandas as pd
import typer
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from hf_capacity.analysis.labels import model_label, task_label
from hf_capacity.boundary.writing import write_atomically
from hf_capacity.cli.errors import refuses_mistakes
from hf_capacity.report.figures import DPI, STYLE, WIDTH
from hf_capacity.runs.records import read_curve, read_records


COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")


def read_losses(name: str, folder: Path) -> pd.DataFrame:
    """The losses of a study: a row for each evaluation of each run."""
    tables = []
    records = read_records(folder)
    if not records:
        raise ValueError(f"{folder} has no finished run: name a study's folder.")
    for record in records:
        losses = [(row["step"], row["loss"]) for row in read_curve(record["folder"])]
        seed = record["config"]["model_seed"]
        run = {"name": name, "task": task_label(record), "model": model_label(record), "seed": seed}
        tables.append(pd.DataFrame(losses, columns=["step", "loss"]).assign(**run))
    return pd.concat(tables)


def draw(losses: pd.DataFrame) -> Figure:
    """A panel a cell, a colour a name; the seeds of one name share its colour."""
    tasks, models, names = (list(dict.fromkeys(losses[column])) for column in ("task", "model", "name"))
    figure = Figure(figsize=(WIDTH, 1.7 * len(tasks) + 1.6), dpi=DPI, layout="constrained")
    axes = figure.subplots(len(tasks), len(models), sharex=True, squeeze=False)
    for (task, model), cell in losses.groupby(["task", "model"], sort=False):
        panel = axes[tasks.index(task)][models.index(model)]
        panel.set(title=f"{task} · {model}", yscale="log")
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter(NullFormatter())
        for (name, _), run in cell.groupby(["name", "seed"], sort=False):
            place = names.index(name)
            style = {"color": COLORS[place], "alpha": 0.75, "linewidth": 2.4 - 0.8 * place}
            panel.plot(run["step"] / 1000, run["loss"], label=name, **style)
    handles = {line.get_label(): line for panel in axes.flat for line in panel.get_lines()}
    figure.legend(handles.values(), handles, loc="outside upper left", ncols=len(handles))
    figure.supxlabel("training steps (thousands)", fontsize=11)
    figure.supylabel("loss, nats a character", fontsize=11)
    return figure


def page(losses: pd.DataFrame) -> str:
    """The last losses: each name's mean over its seeds, their number and standard deviation."""
    names = list(dict.fromkeys(losses["name"]))
    last = losses[losses["step"] == losses.groupby(["name", "task", "model", "seed"])["step"].transform("max")]
    lines = ["| task | model | " + " | ".join(f"{name}: loss | seeds | sd" for name in names) + " |"]
    lines.append("| --- | --- |" + " ---: |" * 3 * len(names))
    for (task, model), cell in last.groupby(["task", "model"], sort=False):
        found = [cell.loc[cell["name"] == name, "loss"] for name in names]
        figures = [f"{loss.mean():.4f} | {len(loss)} | {loss.std():.4f}".replace("nan", "-") for loss in found]
        lines.append(f"| {task} | {model} | " + " | ".join(figures) + " |")
    return "\n".join(lines) + "\n"


def main(
    studies: Annotated[list[str], typer.Argument(metavar="NAME=FOLDER...")],
    output: Annotated[Path, typer.Option(help="Where the three files go.")],
) -> None:
    pairs = [study.partition("=") for study in studies]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError(f"{' '.join(studies)!r}: each is to be NAME=FOLDER, such as before=runs/old.")
    losses = pd.concat([read_losses(name, Path(folder)) for name, _, folder in pairs])
    output.mkdir(parents=True, exist_ok=True)
    write_atomically(output / "losses.csv", losses.to_csv(index=False, float_format="%.6f"))
    write_atomically(output / "report.md", page(losses))
    with matplotlib.rc_context(STYLE):
        figure = draw(losses)
        FigureCanvasAgg(figure).print_png(output / "losses.png")
    typer.echo(page(losses))


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(refuses_mistakes(main))
    app()
