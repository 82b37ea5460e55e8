"""A study's line: its plan goes in, a folder of records comes out. `hf-capacity run` and `replicate` are this."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .boundary.shown import shown, shown_lines
from .config.experiment import ExperimentConfig
from .config.study import Study, read_study
from .runs.claim import check_folder, claim_folder
from .runs.folder import states
from .runs.tracking import Tracking
from .sweep.local import num_cores, run_local
from .sweep.task_checks import check_sources, check_tasks, check_unchanged
from .sweep.worker import Destination


# A grid grows by multiplication: from so many runs on, it may be a slip.
MANY_RUNS = 1_000

Engine = Literal["local", "ray"]


class RunsFailed(RuntimeError):
    """Some runs of a study failed, `failures`: by run id, the cause. The others are done."""

    def __init__(self, failures: Mapping[str, str], num_runs: int):
        causes = "".join(f"\n  {run_id}: {cause}" for run_id, cause in failures.items())
        super().__init__(f"{len(failures)} of {num_runs} runs failed; the same again tries them again:{causes}")
        self.failures, self.num_runs = failures, num_runs


class RunsStopped(OSError):
    """The machine or the cluster gave out amid the runs: the same again goes on from the last checkpoints."""


@dataclass(frozen=True, kw_only=True)
class PreparedStudy:
    """A study that can be run, with what is known before anything is.

    Args:
        plan: What is to be done.
        output: The study's folder.
        stock: Every run with how it stands: `done`, `to do` or what keeps it from being done.
        untested: The hypotheses that these runs leave open, by name, with the reason.
    """

    plan: Study
    output: Path
    stock: list[tuple[ExperimentConfig, str]]
    untested: dict[str, str]

    @property
    def to_do(self) -> list[ExperimentConfig]:
        """The runs that are left."""
        return [config for config, state in self.stock if state != "done"]

    def claim(self) -> None:
        """Makes the folder the study's, which then says what the study asks."""
        plan = self.plan
        asked = (plan.question, plan.hypotheses)
        claim_folder(self.output, plan.name, plan.description, plan.arms, asked, source=plan.source)

    def lines(self, *, each_run: bool = False) -> list[str]:
        """What the study is and how it stands: the runs that were begun, or each, and hypotheses with a caveat."""
        lines = [self.plan.description] if self.plan.description else []
        for config, state in self.stock:
            if each_run or state not in ("done", "to do"):
                arms = ", ".join(arm.name for arm in self.plan.arms.find(config.to_dict()).values())
                lines.append("  ".join(filter(None, (config.run_id, f"{config.steps} steps", arms, state))))
        number, num_left = len(self.stock), len(self.to_do)
        runs = f"{number} run{'' if number == 1 else 's'}, {number - num_left} done, {num_left} to do"
        lines.append(f"{self.plan.name}: {runs}, in {self.output}")
        lines += [f"hypothesis {name!r} is not tested by these runs: {why}" for name, why in self.untested.items()]
        return lines + _post_hoc_lines(self.plan, self.output)


def run_study(
    study: str | Path,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    *,
    output: str | Path | None = None,
    workers: int | None = None,
    engine: Engine = "local",
    address: str | None = None,
    report_to: str = "none",
    project: str | None = None,
    verbosity: int = 0,
    yes: bool = False,
) -> Path:
    """Trains and measures every run of a study that is not done; `hf-capacity run` in Python.

    Args:
        study: A YAML file, a packaged study such as `quick`, or a task's folder.
        overrides: Such as `{"task": "arithmetic", "steps": 100}`: what selects of the grid, or is set in every run.
        output: The study's folder; by default `runs/STUDY`.
        workers: Processes at once; by default one per core.
        engine: Processes on this machine, or a Ray cluster.
        address: Of the cluster; by default Ray on this machine alone.
        report_to: A tracker to log to as well: `tensorboard`, `trackio` or `wandb`.
        project: What the tracker calls the study; by default its name.
        verbosity: -1 to print nothing; 1 for a line at every evaluation of every run.
        yes: Do more than 1,000 runs.

    Returns:
        The study's folder, for `load_results` and `report_study`.

    Raises:
        ValueError: Something in the study or in these arguments is not as expected; nothing was written.
        RunsFailed: Some runs failed. The others are done, and the same call tries those again.
        RunsStopped: The machine or the cluster gave out; the same call goes on from the last checkpoints.
    """
    tracking = Tracking(report_to, project)
    check_arguments(engine, address, workers, output, tracking)
    prepared = prepare_study(study, overrides, output, yes=yes)
    prepared.claim()
    if verbosity >= 0:
        print(shown_lines("\n".join(prepared.lines())))
    return carry_out(prepared, engine=engine, address=address, workers=workers, tracking=tracking, verbosity=verbosity)


def check_arguments(
    engine: str, address: str | None, workers: int | None, output: str | Path | None, tracking: Tracking
) -> None:
    """Checks what `run_study` takes beside the study.

    Raises:
        ValueError: As there.
    """
    if engine not in ("local", "ray"):
        raise ValueError(f"`--engine` (={engine}) must be local or ray.")
    if address is not None and engine != "ray":
        raise ValueError(f"`--address` (={address}) goes with `--engine ray`.")
    if workers is not None and workers < 1:
        raise ValueError(f"`--workers` (={workers}) must be 1 or more.")
    if workers and engine == "ray":
        raise ValueError(
            f"`--workers` (={workers}) goes with `--engine local`: Ray does what its nodes have room for."
        )
    if output and ":/" in str(output):  # a `Path` keeps one of two slashes
        raise ValueError(
            f"`--output` (={output}): object stores are out of scope, name a path that every node mounts."
        )
    tracking.check()


def prepare_study(
    study: str | Path,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    output: str | Path | None = None,
    *,
    yes: bool = False,
) -> PreparedStudy:
    """Reads a study and checks all of its runs; writes nothing.

    Raises:
        ValueError: As in `run_study`.
    """
    plan = read_study(str(study), overrides)
    whole = read_study(str(study)) if overrides and plan.hypotheses else plan
    return prepare_plan(plan, whole, Path(output or Path("runs", plan.name)), yes=yes)


def prepare_plan(plan: Study, whole: Study | None, output: Path, *, yes: bool = False) -> PreparedStudy:
    """Checks all runs of a plan; writes nothing.

    Args:
        plan: What is to be done.
        whole: The study of which it may be a part, and which has to be able to test what it states. None: of what it
            states, it tests what it can.
        output: The study's folder.
        yes: Do more than 1,000 runs.

    Raises:
        ValueError: As in `run_study`.
    """
    check_number(plan, yes)
    untested = find_untested(plan, whole)
    runs = plan.runs()
    check_folder(output, plan.name)
    check_tasks(runs)
    stock = list(zip(runs, states(output, runs), strict=True))
    check_sources([run for run, state in stock if state != "done"], output)
    check_unchanged([run for run, state in stock if state == "done"], output)
    return PreparedStudy(plan=plan, output=output, stock=stock, untested=untested)


def check_number(plan: Study, yes: bool) -> None:
    """Refuses more runs than anybody may have meant, unless they are asked for."""
    if plan.num_runs > MANY_RUNS and not yes:
        raise ValueError(
            f"study {plan.name!r} expands to {plan.num_runs:,} runs, more than {MANY_RUNS:,}: take less of its "
            "grid (KEY=VALUE), or add --yes if that is what you want."
        )


def carry_out(
    prepared: PreparedStudy,
    *,
    engine: Engine = "local",
    address: str | None = None,
    workers: int | None = None,
    tracking: Tracking | None = None,
    verbosity: int = 0,
) -> Path:
    """Does the runs that are left of a study whose folder is claimed. Gives that folder.

    Raises:
        RunsFailed: Some of them failed.
        RunsStopped: The machine or the cluster gave out.
    """
    plan, to_do, tracking = prepared.plan, prepared.to_do, tracking or Tracking()
    destination = Destination(prepared.output, plan.name, tracking)
    if to_do and tracking.report_to != "none" and verbosity >= 0:
        print(shown(f"logged to {tracking.report_to}: {tracking.how_to_look(plan.name, prepared.output)}"))
    try:
        if engine == "ray":
            from .sweep.ray_pool import run_ray

            failures = run_ray(to_do, destination, address=address, verbosity=verbosity, **plan.resources)
        else:
            failures = run_local(to_do, destination, workers or num_cores(), verbosity)
    except OSError as error:
        raise RunsStopped(str(error)) from error
    if failures:
        raise RunsFailed(failures, len(to_do))
    return prepared.output


def find_untested(plan: Study, whole: Study | None) -> dict[str, str]:
    """The hypotheses that the runs of a plan cannot test though the whole study can, by name, with the reason.

    A command may well do part of a study, or try it with few steps or seeds; the study as it is written has to be able
    to test what it states.

    Args:
        plan: The study as overrides have it.
        whole: Without any; None where nothing is known but a part.

    Raises:
        ValueError: The whole study cannot test one of them.
    """
    if not plan.hypotheses:
        return {}
    from .analysis.planning import find_faults, plan_cells

    rates_of = _rates_reader()
    if whole is not None:
        for name, fault in find_faults(whole.hypotheses, plan_cells(whole.runs(), whole.arms), rates_of).items():
            raise ValueError(f"hypothesis {name!r} cannot be tested: {fault}.")
    return find_faults(plan.hypotheses, plan_cells(plan.runs(), plan.arms), rates_of) if plan != whole else {}


def _rates_reader() -> Callable[[ExperimentConfig], set[str]]:
    from .data.task import Task

    known: dict[str, set[str]] = {}

    def read(run: ExperimentConfig) -> set[str]:
        identity = repr(run.task)
        if identity not in known:  # for one split seed: others withhold other questions of the same kinds
            known[identity] = Task.load(run.task, run.split_seed).rates
        return known[identity]

    return read


def _post_hoc_lines(plan: Study, output: Path) -> list[str]:
    """Which hypotheses come after runs that may have suggested them."""
    if not plan.hypotheses:
        return []
    from .runs.statement import find_post_hoc

    return [
        f"hypothesis {name!r} is post hoc: finished runs in {output} before it was stated: {number}"
        for name, number in find_post_hoc(output, plan.hypotheses).items()
    ]
