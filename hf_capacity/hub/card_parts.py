"""The tables and sentences of cards."""

import json
from collections.abc import Sequence
from typing import Any

from ..analysis.cells import RATES, Cell, Record
from ..analysis.intervals import FEWEST_RUNS
from ..analysis.statistics import wilson_interval
from ..boundary.shown import ABSENT
from ..config.experiment import SEEDS, ExperimentConfig
from ..config.model_keys import LADDERS_TYPE
from ..report.markdown import code, markdown_table
from ..report.wording import fraction, has_withheld, mean_text, share_text
from ..runs.records import is_vouched_for


HUB = "https://huggingface.co"
# Of every model and study of ours, whatever its task: whose question they all ask.
LICENSE, PAPER = "apache-2.0", "2506.09099"
# Fewer withheld questions than this decide little, and the card says so.
MANY_QUESTIONS = 30


def is_packaged(*records: Record) -> bool:
    """Whether the tasks of runs are ours: of another, nobody here knows licence, language or paper."""
    from dataset_builders import TASKS

    return all(
        record["config"]["task"]["path"] in TASKS and record.get("task_source") in (None, "packaged")
        for record in records
    )


def introduce_tasks(*records: Record) -> tuple[dict[str, Any], list[str]]:
    """Licence and languages for the metadata of a card, and tags of papers, where the tasks of its runs are ours.

    Args:
        records: The runs; their languages and papers are what their tasks say of themselves.
    """
    from dataset_builders import TASKS

    if not is_packaged(*records):
        return {}, []
    tasks = [TASKS[record["config"]["task"]["path"]] for record in records]
    papers = dict.fromkeys([PAPER, *(task.paper for task in tasks if task.paper)])
    languages = sorted({task.language for task in tasks})
    return {"license": LICENSE, "language": languages}, [f"arxiv:{paper}" for paper in papers]


def published_dataset(record: Record, namespace: str, data: bool = True) -> str | None:
    """The dataset repository of a run's task: ours by its name in studies, the Hub's as it is, none of a folder.

    Where the task came from stands in the record. What an older record does not say is not guessed: a folder that is
    not here now may have the name of somebody's dataset on the Hub.

    Args:
        record: The run's.
        namespace: The user or organisation that publishes it.
        data: Whether tasks of ours are published there.
    """
    from dataset_builders import TASKS

    task = record["config"]["task"]["path"]
    if is_packaged(record):
        return f"{namespace}/{TASKS[task].repository_name()}" if data else None
    return task if record.get("task_source") == "hub" else None


def run_revision(place: int) -> str:
    """The branch of a cell's runs: `main`, `seed-2`, ..."""
    return f"seed-{place + 1}" if place else "main"


def step_revision(place: int, step: int) -> str:
    """The tag of weights kept along the way of a run: `step-500`, `seed-2-step-500`, ..."""
    return f"seed-{place + 1}-step-{step}" if place else f"step-{step}"


def example(record: Record) -> dict[str, Any]:
    """A prompt that, with its answer, fits the model's positions: the first in the record, cut at words.

    `prompt` is what plain libraries have to give the model, `asked` what `hf-capacity ask` does; `start` says what the
    first has before the second.
    """
    prompt, answer = (record["answers"][0][name] for name in ("prompt", "answer"))
    block_size, start = record["config"]["block_size"], ExperimentConfig.from_dict(record["config"]).start
    if "start" in record:  # lines: of these a window loses the first characters before it loses any of the prompt
        start = record["start"][max(0, len(record["start"] + prompt + answer) - block_size) :]
    while len(start + prompt + answer) > block_size and " " in prompt[:-1]:
        prompt = prompt.partition(" ")[2]
    spelled = (json.dumps(text, ensure_ascii=False) for text in (start + prompt, prompt))
    first = {"": "nothing", "\n": "a newline"}.get(start, "lines of its training text")
    return dict(zip(("prompt", "asked"), spelled, strict=True)) | {"start": first, "max_new_tokens": len(answer)}


def architecture(cells: Sequence[Cell], plural: str = "") -> str:
    """What sort of models cells are of."""
    types = sorted({cell.model_type or LADDERS_TYPE for cell in cells})
    if types == [LADDERS_TYPE]:
        return f"GPT-2-style transformer{plural}"
    return f"causal language model{plural} ({', '.join(types)})"


def count_of_transformers(record: Record) -> str:
    """What `num_parameters()` of plain transformers counts beyond what was trained; nothing where that is nothing."""
    config = ExperimentConfig.from_dict(record["config"])
    sizes = record.get("sizes", record["config"]["model"])
    more = []
    if config.model.model_type == LADDERS_TYPE:
        width, depth = sizes["n_embd"], sizes["n_layer"]
        # Of a block: two norms, queries, keys and values, and what attention and MLP put out; and the MLP's inside.
        biases = depth * (7 * width + (sizes.get("n_inner") or 4 * width)) + width
        more.append(f"the {biases:,} biases, which are zero and were not trained")
    if config.embeddings.frozen:
        more.append("the embedding, which was frozen")
    elif config.embeddings.rank:
        more.append(f"every entry of the embedding, which was held to rank {config.embeddings.rank}")
    return f"`num_parameters()` of transformers counts more: {', and '.join(more)}." if more else ""


def ability(counts: dict[str, list[int]]) -> str:
    """What a model can do and what not, in a sentence of counts."""
    deeds = {
        "fit": ("reproduces", "rule questions that it has read"),
        "extrapolation": ("works out", "rule questions that were withheld from it"),
        "recall": ("knows", "facts that it has read"),
    }
    parts = [
        f"{verb} {'none' if right == 0 else f'all {asked}' if right == asked else right} of the"
        f"{'' if right == asked else f' {asked}'} {questions}"
        for rate, (verb, questions) in deeds.items()
        for right, asked in [counts.get(rate, (0, 0))]
        if asked
    ]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"
    return f"Of what it was asked, it {listed}. Expect nothing of questions unlike any that it has read."


def rates_table(record: Record) -> str:
    """Every rate of a model at its last checkpoint, with its count, interval, floor and the paper's choice."""
    last, best = record["last"], record["best_on_withheld"]
    rows = []
    for rate in RATES:
        if rate in last["counts"]:
            right, asked = last["counts"][rate]
            interval = " to ".join(f"{end:.3f}" for end in last["intervals_over_questions_of_one_model"][rate])
            floor = last["floors"].get(rate)
            rows.append([rate, f"{right}/{asked}", f"{right / asked:.3f}", interval])
            rows[-1] += [ABSENT if floor is None else f"{floor:.3f}"]
            rows[-1] += [f"{fraction(best['counts'][rate])} at {best['step']:,}"]
    header = ["", "right", "rate", "95 % over questions", "floor", "best on withheld"]
    return markdown_table(header, rows, num_texts=1)


def answers_table(rows: Sequence[dict[str, Any]]) -> str:
    """What a model writes for some questions; nothing where there are none."""
    table = [
        [
            code(row["prompt"]),
            code(row["answer"]),
            code(row["written"]) if row["written"] else "nothing",
            "right" if row.get("right", row["written"].startswith(row["answer"])) else "wrong",
        ]
        for row in rows
    ]
    return markdown_table(["prompt", "right answer", "written", "verdict"], table, num_texts=4) if table else ""


def revisions_table(cell: Cell) -> str:
    """The runs of a cell, by what `revision=` takes."""
    rates = cell.rates
    rows = [
        [
            f"`{run_revision(place)}`",
            *(str(record["config"][seed]) for seed in SEEDS),
            *(fraction(record["last"]["counts"][rate]) for rate in rates),
            f"{record['last']['loss']:.3f}",
        ]
        for place, record in enumerate(cell.records)
    ]
    return markdown_table(["revision", *SEEDS, *rates, "loss"], rows, num_texts=1)


def over_runs(cell: Cell) -> str:
    """What the runs of a cell come to together."""
    if cell.num_runs == 1:
        return "There is one run of this cell: another seed may come out otherwise."
    means = [f"{rate} {mean_text(cell.mean(cell.values(rate)))}" for rate in cell.rates]
    intervals = " with 95 % intervals over runs" if cell.num_runs >= FEWEST_RUNS else ", too few for an interval"
    text = f"Over {cell.num_runs} runs, means{intervals}: {', '.join(means)}."
    if has_withheld(cell):
        text += f" Runs with every withheld question right: {share_text(cell.share(cell.all_right('extrapolation')))}."
    return text


def training_cost(record: Record) -> str:
    """How much training took: characters, operations, seconds."""
    config, provenance = record["config"], record["provenance"]
    positions = config["steps"] * config["batch_size"] * config["block_size"]
    rows, most = ("rows of", "at most ") if config.get("batches") == "lines" else ("windows of", "")
    session = " in its last session" if provenance["resumed_from"] else ""
    threads = f"{provenance['num_threads']} thread{'s' if provenance['num_threads'] > 1 else ''}"
    return (
        f"{config['steps']:,} steps of {config['batch_size']:,} {rows} {most}{config['block_size']} characters, "
        f"that is {most}{positions:,} characters and some {6 * record['num_parameters'] * positions:.1e} "
        "floating-point operations\n"
        f"(six a parameter and character). It took {provenance['seconds']:,.0f} seconds{session} on the "
        f"{provenance['device']} with {threads}."
    )


def limits_of(cells: Sequence[Cell]) -> list[str]:
    """What the figures of some cells do not say."""
    limits = []
    counts = [record["last"]["counts"] for cell in cells for record in cell.records]
    fewest = min((count["extrapolation"][1] for count in counts if "extrapolation" in count), default=MANY_QUESTIONS)
    if fewest < MANY_QUESTIONS:
        low, high = wilson_interval(fewest, fewest)
        limits.append(
            f"{fewest} withheld questions decide little: all of them right has a Wilson 95 % interval of {low:.2f} to "
            f"{high:.2f}, and\n  they are not independent of each other."
        )
    if any(cell.num_runs == 1 for cell in cells):
        limits.append("One run says nothing of other seeds.")
    if any("recall" in cell.rates for cell in cells):
        limits.append("Its facts are training text for an experiment: nobody keeps them up to date.")
    unvouched = sum(not is_vouched_for(record) for cell in cells for record in cell.records)
    if unvouched:
        limits.append(
            f"Nothing vouches for {unvouched:,} of its records: they were written before records held a digest of "
            "their own."
        )
    return limits


def models_table(cells: Sequence[Cell], model_ids: Sequence[str]) -> str:
    """The repositories of a study's cells."""
    rows = []
    for cell, repo_id in zip(cells, model_ids, strict=True):
        kept = [step_revision(0, step) for step in cell.records[0]["config"]["keep_checkpoints"]]
        branches = [run_revision(0), run_revision(cell.num_runs - 1)]
        revisions = " to ".join(f"`{name}`" for name in dict.fromkeys(branches))
        revisions += f"; `{kept[0]}` to `{kept[-1]}`" if kept else ""
        rows.append([f"[{repo_id}]({HUB}/{repo_id})", cell.title, f"{cell.num_parameters:,}", revisions])
    return markdown_table(["repository", "trained on", "parameters", "revisions"], rows, num_texts=2)
