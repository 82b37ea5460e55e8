"""What can be done with finished runs: `hf-capacity report`, `results`, `evaluate`, `probe`, `ask` and `demo`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from .errors import AsJson, echo, echo_json, refuses_mistakes


Folder = Annotated[Path, typer.Argument(help="A study's folder, such as runs/quick.")]
Source = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A run's folder, a model on the Hub, or one of a kept study, such as model_cards/quick#arithmetic-n14.",
    ),
]
Task = Annotated[str | None, typer.Option(help="For a model that does not say what it learned.")]
Step = Annotated[int | None, typer.Option(help="A kept checkpoint; by default the last.")]
ModelRevision = Annotated[
    str | None, typer.Option(help="Of a model on the Hub: a branch or tag, such as seed-2 or step-500.")
]


@refuses_mistakes
def report(folder: Folder) -> None:
    """Print a study's tables, and write its report with figures."""
    from ..report import report_study

    written = report_study(folder)
    echo(written.text)
    echo(f"Written: {written.path}")


@refuses_mistakes
def results(
    folder: Folder,
    output: Annotated[Path | None, typer.Option(help="Export all columns: a .csv or .parquet file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a study's finished runs, a line each, or export them as a table."""
    from ..runs.records import read_unfinished
    from ..runs.table import check_export, export_table, load_results
    from .tables import show_results

    if output:
        check_export(output)
    table = load_results(folder)
    unfinished = read_unfinished(folder)
    if output:
        export_table(table, output)
    if as_json:
        echo_json({"runs": json.loads(table.to_json(orient="records")), "unfinished": unfinished})
    elif output:
        echo(f"Written: {output}, {len(table)} runs. Without a result: {len(unfinished)} runs.")
    else:
        show_results(table, unfinished)


@refuses_mistakes
def evaluate(
    source: Source,
    *,
    task: Task = None,
    step: Step = None,
    revision: ModelRevision = None,
    output: Annotated[Path | None, typer.Option(help="Export a row a question: a .csv or .parquet file.")] = None,
    limit: Annotated[int | None, typer.Option(help="Ask only the first so many questions of each rate.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Questions at once, where memory is short; the answers are the same.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score a model on the questions of its task."""
    from ..boundary.reading import parse_yaml
    from ..evaluation.inference import evaluate_model
    from ..runs.table import check_export, export_table
    from .tables import show_marks

    if output:
        check_export(output)

    asked = parse_yaml(task, "`--task`") if task else None
    marks = evaluate_model(
        source,
        asked,
        step=step,
        revision=revision,
        all_answers=output is not None,
        limit=limit,
        batch_size=batch_size,
    )
    if output:
        import pandas

        export_table(pandas.DataFrame(marks["answers"]), output)
    if as_json:
        echo_json(marks)
        return
    show_marks(marks)
    if output:
        echo(f"Written: {output}, {len(marks['answers'])} questions.")


@refuses_mistakes
def probe(
    source: Source,
    *,
    task: Task = None,
    step: Step = None,
    revision: ModelRevision = None,
    output: Annotated[
        Path | None, typer.Option(help="Of the figure, a .png file; by default probes-MODEL.png here.")
    ] = None,
) -> None:
    """Print how a model represents numbers, and draw it."""
    from ..boundary.reading import parse_yaml
    from ..boundary.writing import write_atomically
    from ..evaluation.inference import probe_model
    from ..report.probes_figure import draw_probes
    from .tables import show_probes

    if output is None:
        which = [Path(source).resolve().name, f"step-{step}" if step is not None else "", revision or ""]
        output = Path("-".join(filter(None, ["probes", *which])).replace("/", "-") + ".png")
    if output.suffix != ".png":
        raise ValueError(f"`--output` (={output}) must end in .png.")
    found = probe_model(source, parse_yaml(task, "`--task`") if task else None, step=step, revision=revision)
    write_atomically(output, draw_probes(found))  # first: whoever reads the tables may have enough, as `head` has
    show_probes(found)
    echo(f"Written: {output}")


@refuses_mistakes
def ask(
    source: Source,
    prompt: Annotated[str, typer.Argument(help='Such as "<5+7=".')],
    *,
    step: Step = None,
    revision: ModelRevision = None,
    as_json: AsJson = False,
) -> None:
    """Complete a prompt to the end of the line."""
    from ..evaluation.trained_model import ask as ask_model

    written = ask_model(source, prompt, step=step, revision=revision)
    echo_json({"prompt": prompt, "written": written}) if as_json else echo(prompt + written)


@refuses_mistakes
def demo(
    study: Annotated[str, typer.Argument(help="A study's folder, such as runs/quick, or a published one on the Hub.")],
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the page; by default the first free one from 7860 on.")
    ] = None,
) -> None:
    """Open a page, for this machine only, on which every model of a study answers what you type."""
    from ..demo import serve

    serve(study, port, lambda address: echo(f"Open {address} in a browser; Ctrl-C ends it."))
