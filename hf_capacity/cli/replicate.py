"""`hf-capacity replicate`: a finished study's plan again, with fresh seeds and pairs, beside the original."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .dry_run import show_dry_run
from .errors import echo, refuses_mistakes
from .run import Yes, says_how_to_go_on, stop_when_asked


if TYPE_CHECKING:
    from ..config.study import Study


@refuses_mistakes
def replicate(
    study: Annotated[str, typer.Argument(help="A finished study: its folder, or a name as in runs or model_cards.")],
    parts: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Only these runs of it, such as model=n14.")
    ] = None,
    *,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="How many, such as 6, or as in a study's YAML: {model_seed+data_seed: 3, split_seed: 12}. By default "
            "as many, together and crossed, as the study has."
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes at once; by default one per core.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where the runs go, and what they are called; by default STUDY_replication.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be done, and how long it may take.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Run a finished study's plan again with fresh seeds and withheld pairs, and compare. Repeat it to go on."""
    stop_when_asked()
    from ..boundary.reading import parse_yaml
    from ..config.study import parse_overrides
    from ..runs.kept import load_records
    from ..runs.originals import check_replication, claim_replication, describe_original, find_study
    from ..study import carry_out, prepare_plan
    from ..sweep.replication import plan_replication

    folder = find_study(study)
    records, number = load_records(folder), parse_yaml(seeds, "`--seeds`") if seeds else None
    output = output or _beside(folder)
    plan = plan_replication(folder, output.name, parse_overrides(parts or []), number)
    original = describe_original(folder, records, number)
    check_replication(output, original)
    prepared = prepare_plan(plan, None, output, yes=yes)  # the original may itself be part of its plan
    echo(f"Replicates {folder}, of {original.runs} runs.{_pairs(plan, [record['config'] for record in records])}")
    if dry_run:
        show_dry_run(prepared, workers)
        return
    prepared.claim()
    claim_replication(output, original)
    echo("\n".join(prepared.lines()))
    with says_how_to_go_on():
        carry_out(prepared, workers=workers)
    _report(output)


def _beside(folder: Path) -> Path:
    """Where a replication goes unless it is said: beside the runs of the original, never among kept studies."""
    from ..config.packaged import packaged_path

    name = f"{folder.resolve().name}_replication"
    is_kept = folder.resolve().parent == packaged_path("model_cards").resolve()
    return Path("runs", name) if is_kept else folder.parent / name


def _pairs(plan: "Study", configs: list[dict]) -> str:
    """How far its withheld pairs are fresh; nothing where the seeds draw none."""
    from ..config.seeds import count_pairs_again

    counted = count_pairs_again([run.to_dict() for run in plan.runs()], configs)
    if counted is None:
        return ""
    number, again = counted
    return f" Of its {number} withheld pairs the original had {again or 'none'}."


def _report(output: Path) -> None:
    """Writes the report of a replication, and shows its comparison with the original."""
    from ..report.page import write_pages
    from ..report.sections.beside_the_original import section
    from ..report.study import read_results

    study = read_results(output)
    path = write_pages(output, study)
    echo(section(study).text)
    echo(f"Written: {path}")
