"""Records and learning curves made by hand, so that what a report says of them can be counted by hand."""

import functools
import json

from hf_capacity.analysis.statistics import wilson_interval
from hf_capacity.config.experiment import ExperimentConfig


PROMPTS = ("<5+7=", "<7+5=", "<5-7=", "<7-5=")
interval = functools.cache(wilson_interval)  # of the same counts, many times
FLOORS = {"fit": 18 / 196, "extrapolation": 0.0, "recall": 1 / 50}
ARITHMETIC = {"fit": [196, 196], "extrapolation": [1, 4]}
CAPITALS = {"recall": [4, 50]}
BOTH = {"fit": [98, 196], "extrapolation": [0, 4], "recall": [49, 50]}


def evaluation(step, counts, prompts=PROMPTS):
    """What a record, and a row of a learning curve, say of one evaluation that counted `counts`."""
    right, asked = counts.get("extrapolation", (0, 0))
    published = {}
    if "fit" in counts:
        half = counts["fit"][0] // 2
        published = {"addition": [max(0, half - 9), 91], "subtraction": [max(0, half - 8), 91]}
    if "recall" in counts:
        published["capital"] = counts["recall"]
    rates = {name: counts[name][0] / counts[name][1] if name in counts else None for name in FLOORS}
    floors = {name: floor for name, floor in FLOORS.items() if name in counts}
    counts = {"exact_match": [sum(column) for column in zip(*counts.values(), strict=True)], **counts}
    return {
        "step": step,
        "loss": 0.74614,
        "exact_match": counts["exact_match"][0] / counts["exact_match"][1],
        **rates,
        "counts": counts,
        "intervals_over_questions_of_one_model": {name: interval(*count) for name, count in counts.items()},
        "published_scoring": published,
        "floors": floors,
        "withheld": {prompt: place < right for place, prompt in enumerate(prompts[:asked])},
    }


def add_run(study, task, model, counts, best=None, prompts=PROMPTS, **settings):
    """A finished run as `experiment` leaves it, its files and weights apart; three evaluations, no answer at first."""
    config = ExperimentConfig(task=task, model=model, block_size=24, batch_size=576, **settings)
    path = config.task.path
    nothing = {name: [0, questions] for name, (_, questions) in counts.items()}
    curve = [evaluation(0, nothing, prompts), evaluation(15_000, best or counts, prompts)]
    curve.append(evaluation(config.steps, counts, prompts))
    record = {
        "schema_version": 1,
        "run_id": config.run_id,
        "study": study.name,
        "config": config.to_dict(),
        "num_parameters": 113 * config.model.n_embd,
        "num_parameters_without_positions": 1456,
        "last": curve[2],
        "best_on_withheld": curve[1],
        "late_evaluations_solved": [3, 24] if "extrapolation" in counts else None,
        "provenance": {
            "started": "2026-01-01T00:00:00+00:00",
            "finished": "2026-01-01T00:01:30+00:00",
            "seconds": 90.0,
            "resumed_from": [1000] if path == "capitals" else [],
            "host": "somewhere",
            "versions": {"hf-capacity": "0.1.0", "torch": "2.13.0"},
            "git_commit": "0123456789ab",
            "device": "cpu" if path == "arithmetic" else "cuda:0",
            "num_threads": 1,
            "training_step_fault": None,
        },
        "files": {},
    }
    folder = study / config.run_id
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("", encoding="utf-8")
    (folder / "learning_curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in curve), encoding="utf-8")
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


# Of a record, each of them sound.
PROBES = {
    "number_line": 0.5,
    "parallelogram_ratio": 0.5,
    "effective_rank": 2.0,
    "inverse_participation_ratio": 0.3,
    "weight_norm": 10.0,
    "variance_shares": [0.5, 0.5],
    "fourier_shares": [1.0],
    "linear_probes": {
        number: {"seen": 1.0, "withheld": 0.5, "shuffled": 0.0}
        for number in ("first_operand", "second_operand", "result")
    },
    "extraction": [{"directions": 9, "counts": {"fit": [196, 196], "extrapolation": [2, 4]}}],
}


def add_runs(study, task, model, all_counts, **settings):
    """A run for each entry of `all_counts`, each with its own seeds: 1, 2, ..."""
    for seed, counts in enumerate(all_counts, 1):
        add_run(study, task, model, counts, model_seed=seed, data_seed=seed, split_seed=seed, **settings)


def arithmetic(extrapolation, fit=196):
    """Counts of a run on arithmetic that gets so many of four withheld equations right."""
    return {"fit": [fit, 196], "extrapolation": [extrapolation, 4]}


def add_timed_run(study, task, model, reached, **settings):
    """A finished run of which each rate is 0 before a step, all from then on, or never: `{"fit": 200}`.

    Args:
        study: The study's folder.
        task: As `add_run` has it.
        model: Likewise.
        reached: By rate, the step at which it is reached, or None.
        settings: Of the config; `steps` and `eval_steps` say when it is evaluated.
    """
    asked = {"fit": 196, "extrapolation": 4, "recall": 50}

    def counts(step):
        return {
            rate: [asked[rate] if at is not None and step >= at else 0, asked[rate]] for rate, at in reached.items()
        }

    folder = add_run(study, task, model, counts(settings["steps"]), **settings)
    rows = [evaluation(step, counts(step)) for step in range(0, settings["steps"] + 1, settings["eval_steps"])]
    (folder / "learning_curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder
