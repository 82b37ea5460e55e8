"""Keep what a published number rests on: a finished study's records, learning curves and report, without its models.

    python scripts/keep_records.py runs/too_big_to_think

writes `model_cards/STUDY`, byte for byte what `hf-capacity publish study` publishes as the study's index. Of all cards
of models it keeps one, as an example; `hf-capacity publish study --dry-run` writes the others. `--weights` keeps the
models themselves. A long study can be run and kept in parts: runs that were kept before and are not
in the folder stay.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from hf_capacity.boundary.writing import write_atomically
from hf_capacity.cli.errors import refuses_mistakes
from hf_capacity.hub import index_repository, study_repositories
from hf_capacity.runs.claim import CLAIM
from hf_capacity.runs.kept import load_curves, load_records, pack_study
from hf_capacity.runs.originals import claim_replication, read_original
from hf_capacity.runs.schema import KEPT_RECORDS, KEPT_WEIGHTS


NAMESPACE = "hf-capacity"
KEPT = Path(__file__).parent.parent / "model_cards"
EXAMPLE = "too_big_to_think-arithmetic-n14"
# A card, its picture and its scores; the weights and what the records have already stay behind.
OF_A_MODEL = ("README.md", "learning_curve.png", ".eval_results/")


def main(
    study: Annotated[Path, typer.Argument(help="A study's folder, such as runs/quick.")],
    weights: Annotated[
        bool, typer.Option("--weights", help="Keep the models too: for studies of few small ones.")
    ] = False,
) -> None:
    typer.echo(f"Written: {keep(study, weights=weights)}")


def keep(study: Path, *, weights: bool) -> Path:
    """Writes what is kept of a study, its models too where `weights`. Gives its folder."""
    name = next((record["study"] for record in load_records(study)), None)  # whatever the folder of a part is called
    *models, index = study_repositories(study, NAMESPACE, name)
    kept = KEPT / index.repo_id.split("/")[1]
    with tempfile.TemporaryDirectory() as folder:
        if (kept / KEPT_RECORDS).exists() and {record["run_id"] for record in load_records(kept)} - set(index.runs):
            index = index_repository(join(kept, study, Path(folder) / kept.name), NAMESPACE)
        files = dict(index.revisions[-1].files)
        for model in models:
            name = model.repo_id.split("/")[1]
            if name == EXAMPLE:
                card = model.revisions[-1].files
                files |= {f"cards/{name}/{path}": card[path] for path in card if path.startswith(OF_A_MODEL)}
        contents = {
            name: content if isinstance(content, bytes) else content.read_bytes() for name, content in files.items()
        }
    if not weights:
        contents.pop(KEPT_WEIGHTS, None)
    shutil.rmtree(kept, ignore_errors=True)
    for name, content in contents.items():
        (kept / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept / name, content)
    return kept


def join(kept: Path, study: Path, folder: Path) -> Path:
    """Writes the runs of a kept study and those of a folder as one kept study, as the kept one states it.

    But where it replicates a study that has grown since, it replicates that as it is now.
    """
    folder.mkdir()
    shutil.copy(kept / CLAIM, folder)
    if original := read_original(study):
        claim_replication(folder, original)
    records, curves = {}, {}
    for part in (kept, study):
        of_part = load_records(part)
        curves |= load_curves(part, of_part)
        records |= {record["run_id"]: {key: record[key] for key in record if key != "folder"} for record in of_part}
    order = sorted(records)
    for name, content in pack_study(
        [records[run_id] for run_id in order], {run_id: curves[run_id] for run_id in order}
    ).items():
        write_atomically(folder / name, content)
    return folder


if __name__ == "__main__":
    typer.run(refuses_mistakes(main))
