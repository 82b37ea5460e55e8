"""The straight line: a config goes in, a record comes out."""

import contextlib
import datetime
import importlib.metadata
import logging
import math
import platform
import shutil
import socket
import subprocess
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback, TrainingArguments

from .boundary.disk_faults import with_file_named
from .boundary.writing import Damaged
from .config.experiment import ExperimentConfig
from .data.batches import LineBatches, WindowBatches
from .data.curriculum import Curriculum
from .data.run_checks import check_run
from .data.tokenizer import build_tokenizer, encode, save_tokenizer
from .evaluation.exact_match import LONGEST_LINE, line_of, lines_within, mean_loss, nll, predict, write
from .evaluation.exam import Exam
from .models.build import build_model, count_parameters, sizes_of
from .runs.curve import findings
from .runs.folder import RunFolder
from .runs.records import claim_folder, read_record
from .runs.resumption import where_to_go_on
from .training.callbacks import Keeper, Progress, Stopper
from .training.kernel import FusedLoss, window_loss_library
from .training.trainer import (
    CapacityTrainer,
    build_loss,
    implementation_fault,
    step_implementation,
    training_arguments,
)


logger = logging.getLogger(__name__)


def run_experiment(
    config: ExperimentConfig,
    output: str | Path,
    *,
    study: str = "solo",
    progress: Progress = lambda step, row: None,
    callbacks: Sequence[TrainerCallback] = (),
    report_to: str = "none",
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
        report_to: A tracker that the `Trainer` knows: `trackio`, `tensorboard`, `wandb`.
        publish: Called with the folder of the finished run, to push it to the Hub.
        hub_model_id: The private repository that the `Trainer` makes for it before it trains.

    Returns:
        The run's record (see `results`).

    Raises:
        ValueError: The config does not fit the task or the processes, or `output` belongs to another study.
        RunLocked: Another process is writing this run.
    """
    transformers.utils.logging.disable_progress_bar()  # the Trainer would draw one for every checkpoint
    folder = RunFolder(Path(output), config)
    hub = {"push_to_hub": True, "hub_model_id": hub_model_id, "hub_private_repo": True, "hub_strategy": "end"}
    args = training_arguments(
        config,
        str(folder.path),
        report_to=report_to,
        run_name=config.run_id,
        project=study,
        **(hub if publish else {}),
    )
    if config.batch_size % args.world_size:
        raise ValueError(
            f"`batch_size` (={config.batch_size}) must be divisible by the number of processes (={args.world_size})."
        )
    is_writer = args.process_index == 0
    if is_writer:
        claim_folder(Path(output), study)
    with folder.lock() if is_writer else contextlib.nullcontext():
        try:
            [record] = broadcast_object_list([_finished(folder) if is_writer else None])
            if record is None:
                return _train(config, study, folder, args, is_writer, progress, callbacks, publish)
            if publish and is_writer:
                publish(folder.path)
            return record
        except Exception as error:
            error = with_file_named(error, folder.path)
            if is_writer and not folder.record.exists():  # else it is the publishing that failed
                with contextlib.suppress(OSError):  # a full disk is told of the file that met it first
                    folder.write_failure(f"{type(error).__name__}: {error}", traceback.format_exc())
            raise error


def _finished(folder: RunFolder) -> dict[str, Any] | None:
    try:
        return read_record(folder.path) if folder.done() else None
    except Damaged as damage:
        logger.warning("%s The run is done again.", damage)
        folder.clear()
        return None


def _train(config, study, folder, args, is_writer, progress, callbacks, publish) -> dict[str, Any]:
    began = time.monotonic()
    exam = Exam(config.task, config.split_seed, start=config.start)
    check_run(config, exam.sizes)
    tokenizer = build_tokenizer(exam.text + exam.alphabet, config.block_size)
    encoded = partial(encode, tokenizer)
    rows_WT = exam.line_rows(encoded, config.block_size, args.device) if config.batches == "lines" else None
    implementation = step_implementation(config, args.device.type, args.world_size)
    fault = implementation_fault(implementation)
    if fault:
        logger.warning("There is no %s training step here; the plain one is slower: %s", implementation, fault)
        implementation = "plain"
    drawn = {"num_batches": config.steps, "data_seed": config.data_seed}
    drawn |= {"rank": args.process_index, "world_size": args.world_size}
    if config.curriculum:
        drawn["curriculum"] = Curriculum(config.curriculum, config.steps, exam.ability_of_rows(config))
    if rows_WT is None:
        ids_N = torch.tensor(encoded(exam.text), device=args.device)
        distinct = implementation == "fused"
        batches = WindowBatches(ids_N, config.block_size, config.batch_size, distinct=distinct, **drawn)
    else:
        batches = LineBatches(rows_WT, config.batch_size, **drawn)
    model = build_model(config.model, len(tokenizer), config.block_size, config.model_seed).to(args.device)
    loss = build_loss(implementation, model, config)
    if isinstance(loss, FusedLoss):
        loss_of_text, predictions = loss, loss.predict
    else:
        loss_of_text, predictions = partial(mean_loss, model), partial(predict, model)
    sheet = exam.sheet(encoded, config.block_size, args.device)
    meter = exam.bits_meter(encoded, config.block_size, args.device)

    [place] = broadcast_object_list([where_to_go_on(folder, exam, model) if is_writer else None])
    checkpoint, step, curve = place
    args.eval_on_start = checkpoint is None
    sessions = folder.begin({"started": _now(), "resumed_from": step}) if is_writer else []

    def evaluation(step: int) -> dict[str, float]:
        marks = exam.mark(sheet.verdicts(predictions))
        row = {"step": step, "loss": loss_of_text(batches.windows_WT), **marks}
        if meter:
            row["bits"] = meter(partial(nll, model))
        if not math.isfinite(row["loss"]):
            raise FloatingPointError(f"the loss is {row['loss']} at step {step}: try a lower `learning_rate`.")
        curve.append(row)
        if is_writer:
            folder.append_to_curve(row)
        progress(step, row)
        return {name: value for name, value in row.items() if isinstance(value, float)}

    def save(where: Path) -> None:
        _save_model(where, model, tokenizer, exam)

    keeper = Keeper(folder, config.keep_checkpoints, progress, save)
    trainer = CapacityTrainer(
        model,
        config,
        loss,
        args,
        batches,
        evaluation,
        publish=publish,
        callbacks=[keeper, Stopper(config.stop_when, curve), *callbacks],
    )
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if curve[-1]["step"] != trainer.state.global_step:
        trainer.evaluate()

    def write_line(prompt: str, target: str) -> str:
        longest = max(LONGEST_LINE, len(target))
        newline = tokenizer.get_vocab().get("\n")
        ids = write(model, encode(tokenizer, exam.start + prompt), longest, newline, lines_within(target))
        return line_of(tokenizer.decode(ids), target, cut=len(ids) == longest)

    num_parameters, num_parameters_without_positions = count_parameters(model)
    record = {
        "run_id": config.run_id,
        "study": study,
        "config": config.to_dict(),
        "sizes": sizes_of(model),
        "num_parameters": num_parameters,
        "num_parameters_without_positions": num_parameters_without_positions,
        "task_digest": exam.identity["digest"],
        "task_source": exam.task_source,
        **({"task_notes": exam.notes} if exam.notes else {}),
        **findings(curve),
        "answers": exam.answers(sheet.verdicts(predictions), lambda *rows: list(map(write_line, *rows))),
        **exam.bits(curve, num_parameters, batches.exposures(trainer.state.global_step)),
        "provenance": {
            "started": sessions[0]["started"] if sessions else None,
            "finished": _now(),
            "seconds": round(time.monotonic() - began, 1),
            "resumed_from": [session["resumed_from"] for session in sessions[1:]],
            **_surroundings(args),
            **_build_of(implementation),
            "training_step": implementation,
            "training_step_fault": fault,
        },
    }
    if is_writer:
        save(folder.path)
        folder.write_record(record)
        folder.remove_checkpoints()
    if publish:
        trainer.push_to_hub()
    return record


def _save_model(folder: Path, model, tokenizer, exam: Exam) -> None:
    model.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    exam.write_identity(folder)


def _surroundings(args: TrainingArguments) -> dict[str, Any]:
    """Where a run took place: what may move its last digits, and what explains its speed."""
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "versions": {name: importlib.metadata.version(name) for name in ("hf-capacity", "torch", "transformers")},
        "git_commit": git_commit(),
        "device": str(args.device),
        "num_threads": torch.get_num_threads(),
        "num_processes": args.world_size,
    }


def _build_of(implementation: str) -> dict[str, str]:
    """Of the kernel, what moves its last digits from machine to machine."""
    if implementation != "fused":
        return {}
    library = window_loss_library()
    return {"compiler": library.compiler, "instruction_set": library.instruction_set}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def git_commit() -> str | None:
    """The commit of the checkout that this code runs from, with `+changes` where it is not clean; None in a wheel."""
    here = Path(__file__).parent.parent
    if not (here / ".git").exists() or not shutil.which("git"):
        return None

    def git(*words):
        return subprocess.run(
            ["git", "-C", here, *words], capture_output=True, encoding="utf-8", errors="replace", check=False
        ).stdout.strip()

    return git("rev-parse", "HEAD")[:12] + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
