"""Finished runs, studies, tasks and the metric as repositories to publish."""

from collections.abc import Sequence
from pathlib import Path

from ..analysis.cells import Cell, Record, cells_of, ladders_of
from ..analysis.labels import without_folders
from ..boundary.reading import quote
from ..config.experiment import ExperimentConfig
from ..config.packaged import packaged_path
from ..report import write_report
from ..report.sections.hypotheses import answers_in
from ..report.sections.over_training import draw_learning_curves
from ..report.study import Curves, read_results
from ..runs.folder import RunFolder
from ..runs.kept import load_curves, load_records, pack_study
from ..runs.records import (
    failure_cause,
    is_vouched_for,
    read_arms,
    read_curve,
    read_description,
    read_record,
    read_unfinished,
    record_text,
)
from ..runs.schema import with_digest
from ..runs.table import load_results
from ..runs.vouching import MODEL_FILES
from ..runs.weights import find_weights
from .card_parts import is_packaged, run_revision, step_revision
from .cards import RUNS_TABLE, Address, checkpoint_card, eval_results_file, ladder_card, model_card
from .repository import Repository, Revision, check_name, names_of_models, repository_name


# A tag of everything that is published from here.
MARK = "hf-capacity"
METRIC = "capacity_tradeoff"
# What says something of the machine, and is nobody else's concern.
PRIVATE = ("host",)


def model_repository(run: Path, namespace: str, name: str | None = None) -> Repository:
    """One finished run as a model repository.

    Args:
        run: Its folder.
        namespace: The user or organisation that publishes it.
        name: The repository's name; by default the run's id.

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
        repo_id=f"{_owner(namespace)}/{check_name('--name', name) if name else repository_name(own_name)}",
        index_id=None,
        dataset_id=published_dataset(cell.records[0], namespace),
        marks=(MARK, f"run:{own_name}"),
    )
    return _cell_repository(cell, {cell.records[0]["run_id"]: read_curve(run)}, address)


def study_repositories(folder: Path, namespace: str, name: str | None = None) -> list[Repository]:
    """A finished study as a model repository for each of its cells and, last, a dataset repository that lists them.

    Args:
        folder: The study's folder. Its report is made again.
        namespace: The user or organisation that publishes it.
        name: The name of the last repository, with which those of the models begin; by default the study's.

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
    index = index_repository(folder, namespace, name)
    cells = cells_of(records, read_arms(folder))
    curves = load_curves(folder, records)
    rungs = addresses(index.repo_id.split("/")[1], cells, namespace)
    models = [_cell_repository(cell, curves, address) for cell, address in zip(cells, rungs, strict=True)]
    return [*models, index]


def index_repository(folder: Path, namespace: str, name: str | None = None) -> Repository:
    """The dataset repository that lists a study's models: records, learning curves and report.

    Args:
        folder: The study's folder, or that of a kept one. Its report is made again.
        namespace: The user or organisation that publishes it.
        name: The repository's name; by default the study's.
    """
    records = load_records(folder)
    study = check_name("--name", name) if name else repository_name(records[0]["study"])
    cells, curves = cells_of(records, read_arms(folder)), load_curves(folder, records)
    rungs = addresses(study, cells, namespace)
    write_report(folder)
    public = {record["run_id"]: _public(record) for cell in cells for record in cell.records}
    card = ladder_card(cells, rungs, read_description(folder), answers_in(read_results(folder)))
    files: dict[str, bytes | Path] = {"README.md": card.encode(), RUNS_TABLE: _pack_table(folder)}
    files |= pack_study([public[run_id] for run_id in curves], curves) | find_weights(folder, records)
    files |= {path.name: path for path in [folder / "report.md", folder / "study.yaml", *sorted(folder.glob("*.png"))]}
    return Repository(
        repo_id=rungs[0].index_id,
        repo_type="dataset",
        marks=rungs[0].marks,
        revisions=(Revision(name="main", files=files),),
        run_ids=tuple(public),
    )


def addresses(study: str, cells: Sequence[Cell], namespace: str) -> list[Address]:
    """Where the cells of a study are published.

    Args:
        study: The name of its index repository.
        cells: All of them.
        namespace: The user or organisation that publishes it.
    """
    names = names_of_models(study, cells)
    return [
        Address(
            repo_id=f"{_owner(namespace)}/{name}",
            index_id=f"{namespace}/{study}",
            dataset_id=published_dataset(cell.records[0], namespace),
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
        run_ids=tuple(record["run_id"] for record in cell.records),
    )


def _pack_table(folder: Path) -> bytes:
    table = load_results(folder)
    table["config.task.path"] = table["config.task.path"].map(without_folders)
    private = ["folder", *(f"provenance.{key}" for key in PRIVATE)]
    table = table.drop(columns=private, errors="ignore")
    # Of a hundred columns with few rows, statistics and pandas' own schema would be three quarters of the file.
    return table.to_parquet(index=False, compression="zstd", write_statistics=False, store_schema=False)


def dataset_repository(task: str, namespace: str, name: str | None = None) -> Repository:
    """A task as a dataset repository: its card, the files of its named configs, and its builder as their source.

    Args:
        task: One of `dataset_builders.TASKS`.
        namespace: The user or organisation that publishes it.
        name: The repository's name; by default what studies call the task.

    Raises:
        ValueError: There is no such task.
    """
    from dataset_builders import TASKS
    from dataset_builders.building.cards import dataset_card

    if task not in TASKS:
        raise ValueError(f"there is no task {quote(task)}: publish one of {', '.join(TASKS)}.")
    builder = TASKS[task]
    own_id = f"{_owner(namespace)}/{builder.repository_name()}"
    repo_id = f"{namespace}/{check_name('--name', name)}" if name else own_id
    folder = builder.folder()
    files: dict[str, bytes | Path] = {"README.md": dataset_card(builder, repo_id).encode()}
    paths = [*sorted(folder.glob("*.py")), *sorted((folder / "data").rglob("*.jsonl"))]
    files |= {path.relative_to(folder).as_posix(): path for path in paths}
    marks = (MARK, f"task:{own_id.split('/')[1]}")
    main = Revision(name="main", files=files)
    return Repository(repo_id=repo_id, repo_type="dataset", marks=marks, revisions=(main,))


def metric_repository(namespace: str) -> Repository:
    """The metric as a Space: `evaluate.load("NAMESPACE/capacity_tradeoff")`.

    Args:
        namespace: The user or organisation that publishes it.
    """
    folder = packaged_path("metrics", METRIC)
    repo_id = f"{_owner(namespace)}/{METRIC}"  # `evaluate` looks for a script of the repository's name
    card = (folder / "README.md").read_text(encoding="utf-8").replace(f"hf_capacity/metrics/{METRIC}", repo_id)
    names = ("app.py", f"{METRIC}.py", "scoring.py", "requirements.txt")
    files = {"README.md": card.encode(), **{name: folder / name for name in names}}
    main = Revision(name="main", files=files)
    return Repository(repo_id=repo_id, repo_type="space", marks=(MARK,), revisions=(main,))


def published_dataset(record: Record, namespace: str) -> str | None:
    """The dataset repository of a run's task: ours by its name in studies, the Hub's as it is, none of a folder.

    Where the task came from stands in the record. What an older record does not say is not guessed: a folder that is
    not here now may have the name of somebody's dataset on the Hub.

    Args:
        record: The run's.
        namespace: The user or organisation that publishes it.
    """
    from dataset_builders import TASKS

    task = record["config"]["task"]["path"]
    if is_packaged(record):
        return f"{namespace}/{TASKS[task].repository_name()}"
    return task if record.get("task_source") == "hub" else None


def _owner(namespace: str) -> str:
    return check_name("--namespace", namespace)


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
