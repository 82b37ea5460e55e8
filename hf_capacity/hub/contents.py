"""Finished runs, studies, tasks and the metric as repositories to publish."""

from collections.abc import Sequence
from pathlib import Path

from ..analysis.cells import Cell, Record, cells_of, ladders_of
from ..analysis.labels import without_folders
from ..config.experiment import ExperimentConfig
from ..report.page import write_pages
from ..report.sections.hypotheses import answers_in
from ..report.sections.over_training import draw_learning_curves
from ..report.study import Curves, read_results
from ..runs.claim import read_arms
from ..runs.folder import RunFolder
from ..runs.kept import load_curves, load_records, pack_study
from ..runs.records import failure_cause, is_vouched_for, read_curve, read_record, read_unfinished, record_text
from ..runs.schema import with_digest
from ..runs.table import load_results
from ..runs.vouching import MODEL_FILES
from ..runs.weights import find_weights
from .card_parts import is_packaged, published_dataset, run_revision, step_revision
from .cards import RUNS_TABLE, Address, checkpoint_card, eval_results_file, ladder_card, model_card
from .dataset import dataset_repository
from .published_runs import weights_of
from .repository import MARK, Repository, Revision, check_name, check_owner, names_of_models, repository_name


# What says something of the machine, and is nobody else's concern.
PRIVATE = ("host",)


def model_repositories(run: Path, namespace: str, name: str | None = None, *, data: bool = True) -> list[Repository]:
    """The dataset repository of a finished run's task, where it is one of ours, and a model repository of the run.

    Args:
        run: Its folder.
        namespace: The user or organisation that publishes it.
        name: The last repository's name; by default the run's id.
        data: Whether to publish the task; where not, cards do not name it.

    Raises:
        ValueError: The run is not finished, or its files are not whole.
    """
    run = Path(run)
    if not run.is_dir():
        raise ValueError(f"{run} is no folder: name a run's, such as runs/quick/RUN.")
    if not (run / "record.json").exists():
        runs = sorted(path.parent.name for path in run.glob("*/record.json"))
        if runs:
            raise ValueError(f"{run} is a study's folder: name one of its runs, or `hf-capacity publish study {run}`.")
        cause = failure_cause(run)
        state = f"failed ({cause})" if cause else "is no finished run"
        raise ValueError(f"{run} {state}: `hf-capacity run` finishes it.")
    [cell] = cells_of(_checked([read_record(run) | {"folder": run}]), read_arms(run.resolve().parent))
    own_name = _run_name(cell)
    address = Address(
        repo_id=f"{check_owner(namespace)}/{check_name('--name', name) if name else repository_name(own_name)}",
        index_id=None,
        dataset_id=published_dataset(cell.records[0], namespace, data),
        marks=(MARK, f"run:{own_name}"),
    )
    tasks = _data_repositories(cell.records, address.repo_id) if data else []
    return [*tasks, _cell_repository(cell, {cell.records[0]["run_id"]: read_curve(run)}, address)]


def study_repositories(
    folder: Path, namespace: str, name: str | None = None, *, data: bool = True
) -> list[Repository]:
    """A finished study: the tasks of ours that it is about, a model repository for each of its cells and, last, a
    dataset repository that lists the models.

    Args:
        folder: The study's folder. Its report is made again.
        namespace: The user or organisation that publishes it.
        name: The name of the last repository, with which those of the models begin; by default the folder's, which is
            the study's unless somebody chose another.
        data: Whether to publish the tasks; where not, cards do not name them.

    Raises:
        ValueError: A run failed or is not finished, or a file is not whole.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name a study's, such as runs/quick.")
    unfinished = [
        f"{run_id} failed ({cause})" if cause else f"{run_id} is not finished"
        for run_id, cause in read_unfinished(folder).items()
    ]
    if unfinished:
        raise ValueError(
            f"{folder} is not finished: {'; '.join(unfinished[:3])}{', ...' if unfinished[3:] else ''} "
            f"({len(unfinished)} in all). Repeat `hf-capacity run`, or move their folders away."
        )
    records = load_records(folder)
    if not records:
        raise ValueError(f"{folder} has no finished run: train some with `hf-capacity run STUDY --output {folder}`.")
    _checked(records)
    study = _study_name(folder, name)
    tasks = _data_repositories(records, f"{namespace}/{study}") if data else []
    index = index_repository(folder, namespace, study, data=data)
    cells = cells_of(records, read_arms(folder))
    curves = load_curves(folder, records)
    rungs = addresses(study, cells, namespace, data=data)
    models = [_cell_repository(cell, curves, address) for cell, address in zip(cells, rungs, strict=True)]
    return [*tasks, *models, index]


def index_repository(folder: Path, namespace: str, name: str | None = None, *, data: bool = True) -> Repository:
    """The dataset repository that lists a study's models: records, learning curves and report.

    Args:
        folder: The study's folder, or that of a kept one. Its report is made again.
        namespace: The user or organisation that publishes it.
        name: The repository's name; by default the folder's.
        data: As in `study_repositories`.
    """
    study = read_results(folder)
    rungs = addresses(_study_name(folder, name), study.cells, namespace, data=data)
    write_pages(folder, study)
    public = {record["run_id"]: _public(record) for record in study.records}
    card = ladder_card(study.cells, rungs, study.description, answers_in(study))
    files: dict[str, bytes | Path] = {"README.md": card.encode(), RUNS_TABLE: _pack_table(folder)}
    files |= pack_study([public[run_id] for run_id in study.curves], study.curves)
    files |= find_weights(folder, study.records)
    files |= {path.name: path for path in [folder / "report.md", folder / "study.yaml", *sorted(folder.glob("*.png"))]}
    return Repository(
        repo_id=rungs[0].index_id,
        repo_type="dataset",
        marks=rungs[0].marks,
        revisions=(Revision(name="main", files=files),),
        runs={run_id: weights_of(record) for run_id, record in public.items()},
        is_index=True,
    )


def addresses(study: str, cells: Sequence[Cell], namespace: str, *, data: bool = True) -> list[Address]:
    """Where the cells of a study are published.

    Args:
        study: The name of its index repository.
        cells: All of them.
        namespace: The user or organisation that publishes it.
        data: As in `study_repositories`.
    """
    names = names_of_models(study, cells)
    return [
        Address(
            repo_id=f"{check_owner(namespace)}/{name}",
            index_id=f"{namespace}/{study}",
            dataset_id=published_dataset(cell.records[0], namespace, data),
            marks=(MARK, f"study:{study}"),
        )
        for cell, name in zip(cells, names, strict=True)
    ]


def _cell_repository(cell: Cell, curves: Curves, address: Address) -> Repository:
    picture = draw_learning_curves(ladders_of([cell]), curves)
    kept, last = [], []
    for place, record in enumerate(cell.records):
        rows = {row["step"]: row for row in curves[record["run_id"]]}
        for step in record["config"]["keep_checkpoints"]:
            card = checkpoint_card(cell, place, step, rows.get(step), address)
            files = {"README.md": card.encode(), **_model_files(record["folder"] / f"step-{step}")}
            branch = f"{run_revision(place)}-checkpoints"
            kept.append(Revision(name=step_revision(place, step), files=files, on_branch=branch))
        files = {
            "README.md": model_card(cell, place, address).encode(),
            "learning_curve.png": picture,
            "learning_curve.jsonl": record["folder"] / "learning_curve.jsonl",
            "record.json": record_text(_public(record)).encode(),
            **_model_files(record["folder"]),
        }
        if address.dataset_id:
            name = address.dataset_id.split("/")[-1]
            files[f".eval_results/{name}.yaml"] = eval_results_file(record, address).encode()
        last.append(Revision(name=run_revision(place), files=files))
    revisions = (*kept, *reversed(last))
    return Repository(
        repo_id=address.repo_id,
        repo_type="model",
        marks=address.marks,
        revisions=revisions,
        runs={record["run_id"]: weights_of(record) for record in cell.records},
    )


def _pack_table(folder: Path) -> bytes:
    table = load_results(folder)
    table["config.task.path"] = table["config.task.path"].map(without_folders)
    private = ["folder", *(f"provenance.{key}" for key in PRIVATE)]
    table = table.drop(columns=private, errors="ignore")
    # Of a hundred columns with few rows, statistics and pandas' own schema would be three quarters of the file.
    return table.to_parquet(index=False, compression="zstd", write_statistics=False, store_schema=False)


def _data_repositories(records: Sequence[Record], repo_id: str) -> list[Repository]:
    """What the cards of runs name as their datasets, as far as it is ours to publish beside `repo_id`."""
    tasks = sorted({record["config"]["task"]["path"] for record in records if is_packaged(record)})
    repositories = [dataset_repository(task, repo_id.split("/")[0]) for task in tasks]
    if repo_id.lower() in [repository.repo_id.lower() for repository in repositories]:
        raise ValueError(f"{repo_id} is the name of the task's repository: choose another with `--name`.")
    return repositories


def _study_name(folder: Path, name: str | None) -> str:
    return check_name("--name", name) if name else repository_name(folder.resolve().name)


def _run_name(cell: Cell) -> str:
    """What a run is called where it is published: by its id, without the folders that a task lay in."""
    [record] = cell.records
    path, run_id = record["config"]["task"]["path"], record["run_id"]
    if without_folders(path) == path:
        return run_id
    return f"{without_folders(path)}-{cell.rung}-s{record['config']['model_seed']}-{run_id[-8:]}"


def _checked(records: list[Record]) -> list[Record]:
    """The records, if the files that they vouch for are whole and there."""
    for record in records:
        folder, run_id = record["folder"], record["run_id"]
        if not (folder / "model.safetensors").exists():
            raise ValueError(f"{folder} has a record but no model.safetensors: publish the folder that was trained.")
        if "answers" not in record:
            raise ValueError(
                f"{folder} is of an earlier version, whose records hold too little for a card: train again."
            )
        for step in record["config"]["keep_checkpoints"]:
            if not (folder / f"step-{step}" / "model.safetensors").exists():
                raise ValueError(
                    f"{run_id} has lost its step-{step}: take its record.json away, and repeat `hf-capacity run`."
                )
        RunFolder(folder.parent, ExperimentConfig.from_dict(record["config"])).done()
    return records


def _model_files(folder: Path) -> dict[str, Path]:
    # Whatever else lies there stays: optimiser and random state, arguments, logs.
    return {name: folder / name for name in MODEL_FILES if (folder / name).exists()}


def _public(record: Record) -> Record:
    """The record without what is nobody else's concern: a digest of its own is taken again."""
    provenance = {key: value for key, value in record["provenance"].items() if key not in PRIVATE}
    public = {key: value for key, value in record.items() if key not in ("folder", "digest")}
    public |= {"provenance": provenance}
    return with_digest(public) if is_vouched_for(record) else public
