"""What ships with the project: `hf-capacity studies` and `hf-capacity tasks`."""

from .errors import AsJson, echo_json, refuses_mistakes


@refuses_mistakes
def studies(as_json: AsJson = False) -> None:
    """List the packaged studies: what each asks, its runs, and about how long they take."""
    from ..boundary.shown import spell_time
    from ..config.packaged import packaged_studies
    from ..config.study import read_study
    from ..sweep.estimate import estimate_minutes
    from ..sweep.local import num_cores
    from .tables import show_rows

    rows = []
    for name in packaged_studies():
        plan = read_study(name)
        minutes = estimate_minutes(plan.runs(), [], num_cores())
        rows.append({"study": name, "question": plan.question, "runs": plan.num_runs, "minutes": round(minutes, 1)})
    if as_json:
        echo_json(rows)
        return
    named = ("study", "question", "runs", f"with {num_cores()} workers")
    cells = ((row["study"], row["question"], f"{row['runs']:,}", spell_time(row["minutes"])) for row in rows)
    show_rows(named, cells)


@refuses_mistakes
def tasks(as_json: AsJson = False) -> None:
    """List the tasks and their named configs, as a study's `task` takes them."""
    from dataset_builders import TASKS

    from .tables import show_rows

    rows = [
        {"task": name, "config": config.name, "description": config.description}
        for name, builder in TASKS.items()
        for config in builder.BUILDER_CONFIGS
    ]
    if as_json:
        echo_json(rows)
    else:
        show_rows(("task", "config", "description"), (row.values() for row in rows))
