"""The direction of imports, asserted: a room may use only those below it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).parent.parent
LEAVES = {
    "kernel",
    "tokenizer",
    "models",
    "batches",
    "curriculum",
    "evaluation",
    "generation",
    "model_folder",
    "results",
    "statistics",
    "published",
    "display",
}
# What each room may use of the others; whatever is not named here may use anything inside its functions.
ALLOWED = {
    "reading": set(),
    "shown": set(),
    "model_config": set(),
    "config": {"model_config"},
    "architectures": {"model_config"},
    "metrics": set(),
    "published": set(),
    "statistics": set(),
    "curve": set(),
    "record_schema": set(),
    **{leaf: {"config", "model_config"} for leaf in LEAVES - {"published", "statistics"}},
    "results": {"config", "record_schema"},
    "vouching": {"record_schema", "results"},
    "curve_file": {"results"},
    "disk_faults": set(),
    "models": {"model_config", "architectures"},
    "results_table": {"results"},
    "curriculum": set(),
    "run_checks": {"config", "curriculum", "tokenizer"},
    "batches": {"curriculum"},
    "run_folder": {"config", "curve_file", "record_schema", "results", "vouching"},
    "resumption": {"exam", "record_schema", "results", "run_folder"},
    "trainer": {"config", "model_config", "batches", "kernel"},
    "bits": {"batches"},
    "callbacks": {"config", "run_folder"},
    "exam": {"config", "batches", "bits", "curriculum", "evaluation", "results", "metrics", "dataset_builders"}
    | {"run_checks"},
    "model_checks": {"generation", "models"},
    "inference": {"config", "tokenizer", "evaluation", "generation", "model_folder", "model_checks", "exam"}
    | {"vouching", "dataset_builders"},
    "experiment": {
        *LEAVES,
        "curve",
        "config",
        "callbacks",
        "disk_faults",
        "exam",
        "resumption",
        "run_checks",
        "run_folder",
        "trainer",
        "metrics",
        "dataset_builders",
    },
    "report": {"curve", "model_config", "results", "published", "statistics"},
    "sweep": {"config", "model_config", "results", "run_folder", "run_checks", "display", "dataset_builders"},
    "demo": {"config", "exam", "evaluation", "inference", "report", "results", "tokenizer"},
    "hub": {"config", "model_config", "report", "results_table", "run_folder", "statistics", "dataset_builders"}
    | {"record_schema", "results", "vouching"},
    "cli": {"cli_publish", "cli_errors"},
    "cli_publish": {"cli_errors"},
    "cli_errors": set(),
    "__init__": set(),
}
# An engine reaches the experiment inside the worker. Transformers takes seconds to load, and is rarely needed before.
INSIDE_FUNCTIONS = {"sweep": {"experiment", "models"}, "model_config": {"architectures"}}


def imported_rooms(path, *, top_level):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else ast.walk(tree)
    depth = len(path.relative_to(ROOT / "hf_capacity").parts)
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == depth:
                names = [module.split(".")[0]] if module else [alias.name for alias in node.names]
                yield from names
            elif node.level == 0 and module.split(".")[0] in ("hf_capacity", "dataset_builders"):
                yield module.split(".")[0]


@pytest.mark.parametrize("path", sorted((ROOT / "hf_capacity").rglob("*.py")), ids=lambda path: path.stem)
def test_imports_go_down_only(path):
    room = path.relative_to(ROOT / "hf_capacity").parts[0].removesuffix(".py")
    allowed = ALLOWED[room] | {room, "reading", "shown"}  # how files are read is at the bottom of all
    assert set(imported_rooms(path, top_level=True)) <= allowed
    if room not in ("cli", "cli_publish", "__init__"):
        anywhere = set(imported_rooms(path, top_level=False))
        assert anywhere <= allowed | INSIDE_FUNCTIONS.get(room, set())


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


def test_every_room_is_in_the_table():
    rooms = {path.stem for path in (ROOT / "hf_capacity").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__pycache__"} <= set(ALLOWED)


def test_public_names_exist_and_load_lazily():
    code = (
        "import sys, hf_capacity\n"
        "assert 'torch' not in sys.modules\n"
        "for name in hf_capacity.__all__: assert callable(getattr(hf_capacity, name)), name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_file_outgrows_its_room():
    for path in [
        file
        for folder in ("hf_capacity", "dataset_builders", "scripts", "tests")
        for file in (ROOT / folder).rglob("*.py")
    ]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path
