"""The direction of imports, asserted: a room may use only those below it."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "hf_capacity").rglob("*.py"))
# Rooms from the ground up: each may use those above it in this list, and its own files.
ROOMS = {
    "boundary": set(),
    "config": {"boundary", "dataset_builders"},
    "metrics": set(),
    "data": {"boundary", "config", "dataset_builders"},
    "models": {"boundary", "config", "data"},
    "runs": {"boundary", "config", "data"},
    "training": {"boundary", "config", "data", "models", "runs"},
    "evaluation": {"boundary", "config", "data", "metrics", "models", "runs", "training", "dataset_builders"},
    "experiment": {"boundary", "config", "data", "models", "runs", "training", "evaluation"},
    "harness": {"boundary", "data", "metrics", "models", "evaluation", "dataset_builders"},
    "sweep": {"boundary", "config", "data", "runs", "dataset_builders"},
    "analysis": {"boundary", "config", "runs"},
    "study": {"boundary", "config", "data", "runs", "sweep", "analysis"},
    "report": {"boundary", "config", "runs", "analysis"},
    "hub": {"boundary", "config", "metrics", "runs", "analysis", "report", "dataset_builders"},
    "demo": {"boundary", "config", "data", "models", "evaluation", "runs", "analysis", "report"},
    "cli": {"boundary", "config"},
    "__init__": set(),
}
# The same of `dataset_builders`; every other folder there is a task, which uses `building` alone.
ROOMS_OF_TASKS = {
    "building": set(),
    "tasks": {"building"},
    "mixture": {"building", "tasks"},
    "elsewhere": {"building"},
    "preparing": {"building", "elsewhere"},
    "__init__": {"building", "tasks", "mixture", "elsewhere"},
    "__main__": {"building", "__init__"},
}
# An engine reaches the experiment inside its worker, and what loads torch only when a model is checked.
INSIDE_FUNCTIONS = {"sweep": {"experiment", "models"}}


def room_of(path):
    return path.relative_to(ROOT / "hf_capacity").parts[0].removesuffix(".py")


def imported_modules(path, *, top_level):
    """Of a file of the package, what it imports of ours, as dotted names from the root."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(ROOT).parent.parts
    for node in tree.body if top_level else ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        start = package[: len(package) - node.level + 1] if node.level else ()
        module = ".".join([*start, *filter(None, [node.module])])
        for alias in node.names:
            name = f"{module}.{alias.name}"
            yield name if ROOT.joinpath(*name.split(".")).with_suffix(".py").exists() else module


def imported_rooms(path, *, top_level):
    for module in imported_modules(path, top_level=top_level):
        first, *rest = module.split(".")
        if first == "hf_capacity":
            yield rest[0] if rest else "__init__"
        elif first == "dataset_builders":
            yield first


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "hf_capacity")))
def test_imports_go_down_only(path):
    room = room_of(path)
    assert set(imported_rooms(path, top_level=True)) <= ROOMS[room] | {room}
    if room != "cli":  # a command loads what it needs when it is called
        assert set(imported_rooms(path, top_level=False)) <= ROOMS[room] | {room} | INSIDE_FUNCTIONS.get(room, set())


def test_imports_of_tasks_go_down_only():
    for path in (ROOT / "dataset_builders").rglob("*.py"):
        room = path.relative_to(ROOT / "dataset_builders").parts[0].removesuffix(".py")
        names = [name.split(".") for name in imported_modules(path, top_level=False)]
        used = {rest[0] if rest else "__init__" for first, *rest in names if first == "dataset_builders"}
        assert used <= ROOMS_OF_TASKS.get(room, {"building"}) | {room}, path


def test_the_table_itself_goes_down_only():
    order = list(ROOMS)
    for place, room in enumerate(order):
        assert ROOMS[room] - {"dataset_builders"} <= set(order[:place])


def test_no_files_import_each_other_in_a_circle():
    graph = {}
    for path in FILES:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        graph[name] = set(imported_modules(path, top_level=False)) - {name}
    graphlib.TopologicalSorter(graph).prepare()


def test_the_builders_and_the_metric_know_nothing_of_the_package():
    for path in [*(ROOT / "dataset_builders").rglob("*.py"), *(ROOT / "hf_capacity" / "metrics").rglob("*.py")]:
        assert "hf_capacity" not in {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            for name in (
                [node.module or ""] if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names] if isinstance(node, ast.Import)
                else []
            )
        }  # fmt: skip


def test_every_room_is_in_the_table_and_introduces_itself():
    assert {room_of(path) for path in FILES} == set(ROOMS)
    for folder in {path.parent for path in FILES} - {ROOT / "hf_capacity"}:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))


def test_public_names_exist_and_load_lazily():
    public = [room for room in ROOMS if (ROOT / "hf_capacity" / room / "__init__.py").exists() and room != "cli"]
    code = (
        "import importlib, sys, hf_capacity\n"
        "assert 'torch' not in sys.modules\n"
        "import hf_capacity.config, hf_capacity.runs, hf_capacity.sweep\n"
        "hf_capacity.config.ExperimentConfig, hf_capacity.runs.read_records, hf_capacity.sweep.estimate_minutes\n"
        "assert 'torch' not in sys.modules\n"
        "import hf_capacity.evaluation.trained_model\n"
        "assert 'datasets' not in sys.modules, 'a model that is only asked needs no task'\n"
        f"rooms = [hf_capacity, *(importlib.import_module('hf_capacity.' + room) for room in {public})]\n"
        "for room in rooms:\n"
        "    for name in getattr(room, '__all__', []): assert getattr(room, name) is not None, name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_file_outgrows_its_room():
    for path in [
        file
        for folder in ("hf_capacity", "dataset_builders", "scripts", "tests")
        for file in (ROOT / folder).rglob("*.py")
    ]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path


@pytest.mark.parametrize(
    "path", [*FILES, *sorted((ROOT / "dataset_builders").rglob("*.py"))], ids=lambda path: str(path.relative_to(ROOT))
)
def test_functions_are_short_and_say_what_they_take(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    for function in [node for node in nodes if isinstance(node, ast.FunctionDef)]:
        assert function.end_lineno - function.lineno < 60, function.name
        arguments = function.args.posonlyargs + function.args.args
        positional = [one for one in arguments if one.arg not in ("self", "cls")]
        assert len(positional) <= 5, function.name
        untyped = [one.arg for one in [*positional, *function.args.kwonlyargs] if one.annotation is None]
        assert not untyped, (function.name, untyped)
