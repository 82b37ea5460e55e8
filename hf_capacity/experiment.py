"""The straight line: a config goes in, a record comes out."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerFast, TrainerCallback

from .config.experiment import ExperimentConfig
from .data.batches import build_batches
from .data.run_checks import check_run
from .data.task import Task
from .data.tokenizer import build_tokenizer, save_tokenizer
from .evaluation.measurement import Measurement
from .models.build import build_model, count_parameters, sizes_of
from .models.generation import generation_settings
from .models.start import set_initial_weights
from .runs.curve import findings
from .runs.session import Progress, Session, open_run
from .runs.tracking import Tracking
from .training.callbacks import Keeper, RankHolder, Stopper
from .training.steps import choose_step
from .training.trackers import open_tracker
from .training.trainer import CapacityTrainer, training_arguments


def run_experiment(
    config: ExperimentConfig,
    output: str | Path,
    *,
    study: str = "solo",
    progress: Progress = lambda step, row: None,
    callbacks: Sequence[TrainerCallback] = (),
    report_to: str = "none",
    project: str | None = None,
    publish: Callable[[Path], Any] | None = None,
    hub_model_id: str | None = None,
) -> dict[str, Any]:
    """Trains and measures one model, or goes on where an earlier call was stopped, or only reads the finished record.

    Args:
        config: The run.
        output: The study's folder; the run gets a folder of its own in it.
        study: Whose run it is.
        progress: Called as training goes on.
        callbacks: More callbacks for the `Trainer`.
        report_to: A tracker to log to as well: `tensorboard`, `trackio` or `wandb`.
        project: What the tracker calls the study; by default its name.
        publish: Called with the folder of the finished run, to push it to the Hub.
        hub_model_id: The private repository that the `Trainer` makes for it before it trains.

    Returns:
        The run's record (see `runs.records`).

    Raises:
        ValueError: The config does not fit the task or the processes, `output` belongs to another study, or the
            tracker is not known or not installed.
        RunLocked: Another process is writing this run.
    """
    tracking = Tracking(report_to, project)
    tracking.check()
    transformers.utils.logging.disable_progress_bar()  # the Trainer would draw one for every checkpoint
    hub = {"push_to_hub": True, "hub_model_id": hub_model_id, "hub_private_repo": True, "hub_strategy": "end"}
    arguments = training_arguments(
        config,
        str(Path(output) / config.run_id),
        report_to="none",  # but by `open_tracker`
        run_name=config.run_id,
        project=project or study,
        **(hub if publish else {}),
    )
    with open_run(Path(output), config, study, arguments, progress) as run:
        if not run.record:
            with open_tracker(tracking, config, Path(output)) as trackers:
                return train(config, run, [*trackers, *callbacks], publish)
        if publish and run.is_writer:
            publish(run.folder.path)
        return run.record


def train(
    config: ExperimentConfig,
    run: Session,
    callbacks: Sequence[TrainerCallback],
    publish: Callable[[Path], Any] | None,
) -> dict[str, Any]:
    """Trains and measures the model of a run that is not done. Gives its record."""
    device, num_processes = run.args.device, run.args.world_size
    task = Task.load(config.task, config.split_seed, start=config.start, lines_before=config.lines_before)
    check_run(config, task.sizes)
    tokenizer = build_tokenizer(task.alphabet, config.block_size, task.line_end)
    model = build_model(config.model, len(tokenizer), config.block_size, config.model_seed).to(device)
    answer_ends = task.answer_ends if config.loss_on == "answers" else ()
    model.generation_config = generation_settings(tokenizer, answer_ends)
    embedding = model.get_input_embeddings().requires_grad_(not config.embeddings.frozen)
    step = choose_step(config, model, device, num_processes)
    share = {"rank": run.args.process_index, "world_size": num_processes}
    batches = build_batches(task, tokenizer, config, device, distinct=step.implementation == "fused", **share)
    measurement = Measurement(task, tokenizer, model, step.loss, batches.every_row, probes=config.probes)
    save = partial(save_model, model=model, tokenizer=tokenizer, task=task)
    run.resume(task, model, step.kernel_version(**batches.every_row))
    if run.checkpoint is None:
        set_initial_weights(model, config.embeddings, config.start_from, tokenizer.get_vocab())
    trainer = CapacityTrainer(
        model,
        config,
        step.loss,
        batches,
        lambda global_step: run.add(measurement.row(global_step)),
        args=run.args,
        publish=publish,
        callbacks=[
            Keeper(run.folder, config.keep_checkpoints, run.progress, save),
            RankHolder(embedding.weight, config.embeddings.rank),
            Stopper(config.stop_when, run.curve),
            *callbacks,
        ],
    )
    trainer.train(resume_from_checkpoint=run.checkpoint and str(run.checkpoint))
    if run.curve[-1]["step"] != trainer.state.global_step:
        trainer.evaluate()
    num_parameters, num_parameters_without_positions = count_parameters(model, config.embeddings.rank)
    found = {
        "sizes": sizes_of(model),
        "num_parameters": num_parameters,
        "num_parameters_without_positions": num_parameters_without_positions,
        "task_digest": task.identity["digest"],
        "task_source": task.source,
        **({"task_notes": task.notes} if task.notes else {}),
        **({"start": task.start} if config.lines_before else {}),
        **findings(run.curve),
        "answers": measurement.answers(),
        **measurement.probes(),
        **measurement.bits(run.curve, num_parameters, batches.exposures(trainer.state.global_step)),
    }
    record = run.finish(found, step.provenance, save)
    if publish:
        trainer.push_to_hub()
    return record


def save_model(folder: Path, *, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, task: Task) -> None:
    """Writes a model, how it is to generate, its tokenizer, and what it has seen."""
    model.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    task.write_identity(folder)
