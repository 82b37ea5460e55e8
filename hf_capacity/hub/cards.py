"""What a repository says of itself: cards from the templates in `model_cards/templates`, filled from records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from huggingface_hub import DatasetCardData, EvalResult, EvalResultEntry, ModelCardData, eval_result_entries_to_yaml

from ..analysis.cells import RATES, Cell, Record
from ..analysis.labels import without_folders
from ..config.experiment import SEEDS
from ..config.packaged import packaged_path
from ..report.markdown import code, markdown_table, render
from ..report.sections.finding import finding
from ..report.sections.last_checkpoint import cell_table
from ..report.settings import describe_seeds, settings_table
from ..report.wording import fraction
from ..runs.originals import plan_digest
from ..runs.schema import KEPT_CURVES
from .card_parts import (
    HUB,
    ability,
    answers_table,
    architecture,
    count_of_transformers,
    example,
    introduce_tasks,
    is_packaged,
    limits_of,
    models_table,
    over_runs,
    rates_table,
    revisions_table,
    run_revision,
    step_revision,
    training_cost,
)


# `load_dataset` reads all configs of a repository in one format, so that records are there as Parquet too.
RUNS_TABLE = "runs.parquet"
CITATION = """\
@inproceedings{barron2025toobig,
  title = {Too Big to Think: Capacity, Memorization, and Generalization in Pre-Trained Transformers},
  author = {Barron, Joshua and White, Devin},
  booktitle = {ICML 2025 Workshop TTODLer-FM},
  year = {2025},
  note = {arXiv 2506.09099}
}"""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a cell's models are published, and what belongs to them.

    Args:
        repo_id: Their repository.
        index_id: The dataset repository of their study; None for a run that is published by itself.
        dataset_id: The dataset that they were trained on; None where it is not published.
        marks: Tags that say whose the repository is.
    """

    repo_id: str
    index_id: str | None
    dataset_id: str | None
    marks: tuple[str, ...]


def model_card(cell: Cell, place: int, address: Address) -> str:
    """The card of a finished model.

    Args:
        cell: Its run, and those that differ from it in nothing but seeds.
        place: Which of them it is.
        address: Where they are published.
    """
    record = cell.records[place]
    config, index_id = record["config"], address.index_id
    revision = run_revision(place)
    answers = record["answers"]
    withheld = [row for row in answers if row["seen"] is False]
    num_withheld = record["last"]["counts"].get("extrapolation", [0, 0])[1]
    metadata = ModelCardData(
        **_metadata(record, address),
        model_name=address.repo_id.split("/")[1],
        eval_results=_eval_results(record, address),
    )
    return _rendered(
        "model",
        metadata=metadata.to_yaml(),
        cell=cell,
        record=record,
        config=config,
        provenance=record["provenance"],
        repo_id=address.repo_id,
        revision=revision,
        task=_task(record, address),
        which="last" if cell.num_runs == 1 else f"last checkpoint of run {place + 1} of {cell.num_runs}",
        index=f"[{index_id}]({HUB}/datasets/{index_id})" if index_id else None,
        example=example(record),
        architecture=architecture([cell]),
        counted=count_of_transformers(record),
        ability=ability(record["last"]["counts"]),
        rates=rates_table(record),
        withheld=answers_table(withheld),
        withheld_told=f"The first {len(withheld)} of {num_withheld}" if len(withheld) < num_withheld else "The",
        seen=answers_table([row for row in answers if row["seen"]]),
        revisions=revisions_table(cell),
        over_runs=over_runs(cell),
        kept_steps=config["keep_checkpoints"],
        cost=training_cost(record),
        settings=settings_table([record], [{key: value for key, value in config.items() if key not in SEEDS}]),
        limits=limits_of([cell]),
        citation=CITATION if is_packaged(record) else "",
    )


def checkpoint_card(cell: Cell, place: int, step: int, row: dict[str, Any] | None, address: Address) -> str:
    """The card of weights kept along the way.

    Args:
        cell: As in `model_card`.
        place: As in `model_card`.
        step: After how many optimiser steps.
        row: The row of the learning curve at that step, if there is one.
        address: As in `model_card`.
    """
    scores = ""
    if row:
        rates = [rate for rate in RATES if rate in row["counts"]]
        values = [*(fraction(row["counts"][rate]) for rate in rates), f"{row['loss']:.3f}"]
        scores = markdown_table([*rates, "loss"], [values], num_texts=0)
    return _rendered(
        "checkpoint",
        metadata=ModelCardData(**_metadata(cell.records[place], address)).to_yaml(),
        cell=cell,
        config=cell.records[place]["config"],
        step=step,
        revision=step_revision(place, step),
        run_revision=run_revision(place),
        scores=scores,
        repo_id=address.repo_id,
    )


def ladder_card(cells: Sequence[Cell], rungs: Sequence[Address], description: str, answers: Sequence[str] = ()) -> str:
    """The card of a study: what it answers and finds, its table, and where its models are.

    Args:
        cells: All cells of the study.
        rungs: Where each is published.
        description: What the study asks.
        answers: What its runs say of its hypotheses, a sentence of Markdown each.
    """
    records = [record for cell in cells for record in cell.records]
    study = records[0]["study"]
    known, papers = introduce_tasks(*records)
    plan = f"plan:{plan_digest(record['run_id'] for record in records)}"
    metadata = DatasetCardData(
        pretty_name=f"{study}: a capacity ladder",
        **known,
        task_categories=["text-generation"],
        size_categories=["n<1K" if len(records) < 1_000 else "1K<n<10K"],
        tags=[*rungs[0].marks, plan, *papers],
        configs=[
            {"config_name": "runs", "data_files": RUNS_TABLE, "default": True},
            {"config_name": "curves", "data_files": KEPT_CURVES},
        ],
    )
    return _rendered(
        "ladder",
        metadata=metadata.to_yaml(),
        study=study,
        description=description,
        num_runs=len(records),
        seeds=describe_seeds(records),
        architectures=architecture(cells, plural="s"),
        answers=answers,
        finding=finding(cells),
        fewest_runs=min(cell.num_runs for cell in cells),
        most_runs=max(cell.num_runs for cell in cells),
        table=cell_table(cells),
        models=models_table(cells, [rung.repo_id for rung in rungs]),
        repo_id=rungs[0].index_id,
        model_id=rungs[0].repo_id,
        example=example(cells[0].records[0]) if "answers" in cells[0].records[0] else None,
        limits=limits_of(cells),
        citation=CITATION if known else "",
        provenance=records[0]["provenance"],
    )


def eval_results_file(record: Record, address: Address) -> str:
    """A file of `.eval_results/`: the scores of the card's `model-index` once more, in the Hub's newer form."""
    entries = [
        EvalResultEntry(
            dataset_id=result.dataset_type,
            task_id=f"{result.dataset_config}_{result.metric_name}",
            value=result.metric_value,
            date=record["provenance"]["finished"],
            notes=f"exact match over {asked} questions ({right} right), greedy decoding",
        )
        for result, (right, asked) in zip(_eval_results(record, address), _counts(record).values(), strict=True)
    ]
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, width=120)


def _rendered(template: str, **content: Any) -> str:
    path = packaged_path("model_cards", "templates", f"{template}.md.jinja")
    return render(path.read_text(encoding="utf-8"), **content)


def _metadata(record: Record, address: Address) -> dict[str, Any]:
    known, papers = introduce_tasks(record)
    return {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        **known,
        "tags": [*address.marks, "memorization", "generalization", *papers],
        "datasets": [address.dataset_id] if address.dataset_id else None,
    }


def _task(record: Record, address: Address) -> str:
    path, name = without_folders(record["config"]["task"]["path"]), record["config"]["task"]["name"]
    link = f"[{code(path)}]({HUB}/datasets/{address.dataset_id})" if address.dataset_id else code(path)
    return f"{link} (config {code(name)})" if name else link


def _counts(record: Record) -> dict[str, list[int]]:
    counts = record["last"]["counts"]
    return {rate: counts[rate] for rate in (*RATES, "exact_match") if rate in counts}


def _eval_results(record: Record, address: Address) -> list[EvalResult]:
    task = record["config"]["task"]
    return [
        EvalResult(
            task_type="text-generation",
            task_name="Text generation",
            dataset_type=address.dataset_id or without_folders(task["path"]),
            dataset_name=without_folders(task["path"]),
            dataset_config=task["name"] or "default",
            dataset_split="questions",
            metric_type="exact_match",
            metric_name=rate,
            metric_value=right / asked,
        )
        for rate, (right, asked) in _counts(record).items()
    ]
