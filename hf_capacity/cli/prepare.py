"""`hf-capacity prepare`: data of one's own to a task's folder."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..boundary.reading import quote
from .errors import echo, refuses_mistakes


if TYPE_CHECKING:
    from dataset_builders.preparing import Prepared

LONGEST_ALPHABET = 100


@refuses_mistakes
def prepare(
    source: Annotated[
        str, typer.Argument(help="A .csv, .tsv, .jsonl, .json, .parquet or .txt file, or a Hub dataset.")
    ],
    *,
    output: Annotated[Path, typer.Option(help="The folder to write, which must not be there.")],
    prompt: Annotated[str | None, typer.Option(help="Its column, unless called prompt or question.")] = None,
    answer: Annotated[str | None, typer.Option(help="Its column, unless called completion or answer.")] = None,
    separator: Annotated[
        str | None, typer.Option(help="Between prompt and answer: where a plain line is split, else a space.")
    ] = None,
    withheld_fraction: Annotated[
        float | None, typer.Option(help="The share of rows to withhold, drawn; by default 0.1.")
    ] = None,
    withheld_where: Annotated[
        str | None, typer.Option(metavar="COLUMN=VALUE", help="Withhold these rows instead.")
    ] = None,
    withheld_list: Annotated[
        str | None, typer.Option(metavar="FILE", help="Withhold these prompts instead: a .txt file, one a line.")
    ] = None,
    facts: Annotated[bool, typer.Option("--facts", help="Withhold nothing: answers can only be known.")] = False,
    split_seed: Annotated[int, typer.Option(min=0, help="Draws what is withheld.")] = 1337,
    name: Annotated[str | None, typer.Option(help="A config of a Hub dataset.")] = None,
    split: Annotated[str, typer.Option(help="Of a Hub dataset, such as train[:2000].")] = "train",
) -> None:
    """Make a task of your own data. `hf-capacity run FOLDER` trains on it."""
    from dataset_builders.preparing import Source, Withheld, check_output, prepare_task

    from ..config.packaged import packaged_path
    from ..config.study import check_name

    check_name(output.name, output.name)
    if packaged_path("configs", f"{output.name}.yaml").exists():
        raise ValueError(f"`--output` (={output}) is called as a packaged study, which `run` would take: rename it.")
    check_output(output)
    withheld = Withheld(fraction=withheld_fraction, where=withheld_where, prompts=withheld_list, nothing=facts)
    rows = Source(path=source, name=name, split=split, prompt=prompt, answer=answer, separator=separator)
    prepared = prepare_task(rows, withheld, split_seed)
    prepared.write(output)
    show_prepared(prepared)
    echo(f"Written: {output}. Next: hf-capacity run {shlex.quote(str(output))}")


def show_prepared(prepared: "Prepared") -> None:
    """Says what was done, in a line each."""
    task, lengths = prepared.task, sorted(prepared.lengths)
    text, prompt, answer = (quote(task["train"][column][0]) for column in ("text", "prompt", "answer"))
    echo(f"rows: {prepared.num_rows:,} in {prepared.source.label}")
    echo(f"duplicates: {prepared.num_duplicates:,}, left out (prompt and answer were there before)")
    echo(f"lines: {len(task['train']):,} read, such as {text}, asked as {prompt} for {answer}")
    echo(f"withheld: {prepared.num_withheld:,} ({prepared.withheld.describe(prepared.split_seed)})")
    if task.leaks_dropped:
        echo(f"  not asked, since they stand within lines that are read: {task.leaks_dropped:,}")
    if prepared.num_kept_for_characters:
        echo(
            f"  read though drawn, since no other line has a character of theirs: {prepared.num_kept_for_characters:,}"
        )
    echo(f"alphabet: {len(prepared.alphabet):,} characters: {prepared.alphabet[:LONGEST_ALPHABET]!r}")
    echo(f"block size: {prepared.block_size:,}, the longest line; half have {lengths[len(lengths) // 2]:,} or fewer")
