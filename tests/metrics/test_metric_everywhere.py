"""The metric where there is nothing but what its requirements.txt asks for: loaded, combined, shared, as a page."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from hf_capacity.metrics.capacity_tradeoff.scoring import floors, score


FOLDER = Path(__file__).resolve().parents[2] / "hf_capacity" / "metrics" / "capacity_tradeoff"
SLICES = {
    "kind": ["addition", "addition", "addition", "capital", "capital"],
    "ability": ["rule", "rule", "rule", "fact", "fact"],
    "seen": [True, True, False, True, True],
}
REFERENCES = ["8", "6", "12", "Paris", "Oslo"]
COLUMNS = {"predictions": ["8", "6", "11", "Paris", "Rome"], "references": REFERENCES, **SLICES}
PROMPTS = ["5+3=", "6+0=", "5+7=", "Capital of France is ", "Capital of Norway is "]
VERDICTS = [True, True, False, True, False]
EXPECTED = score(VERDICTS, **SLICES, floors=floors(PROMPTS, REFERENCES, **SLICES))
WITHOUT_PROMPTS = EXPECTED | {"floors": floors(None, REFERENCES, **SLICES)}
OTHER_METRIC = """
import datasets
import evaluate


class SameLength(evaluate.Metric):
    def _info(self):
        features = datasets.Features({name: datasets.Value("string") for name in ("predictions", "references")})
        return evaluate.MetricInfo(description="", citation="", inputs_description="", features=features)

    def _compute(self, predictions, references):
        return {"exact_match": [len(one) == len(other) for one, other in zip(predictions, references)]}
"""


def bare_python(site: Path, *requirements: str) -> list[str]:
    """A Python that can import some packages and those they ask for, and no others; code comes as its last argument.

    Args:
        site: the folder to link these packages into.
        requirements: lines of a requirements.txt.
    """
    site.mkdir()
    waiting, found = [Requirement(line) for line in requirements], set()
    while waiting:
        requirement = waiting.pop()
        if requirement.name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(requirement.name)
        package = distribution(requirement.name)
        waiting += [Requirement(line) for line in package.requires or []]
        for name in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
            if not (site / name).exists():
                (site / name).symlink_to(package.locate_file(name))
    # -S: neither the environment's packages nor this one, whose .pth file is among them.
    return [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({str(site)!r}); exec(sys.argv[1])"]


@pytest.fixture
def bare(tmp_path) -> list[str]:
    """A Python with what the metric's requirements.txt asks for."""
    # A folder called otherwise would hold no installed packages, in the eyes of `dill`.
    return bare_python(
        tmp_path / "site-packages", *(FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    )


def start(command: list[str], code: str, folder: Path, environment: dict[str, str]) -> subprocess.Popen:
    """Runs code that leaves something in `result`."""
    command = [*command, f"{code}\nimport json; print(json.dumps(result))"]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def result_of(process: subprocess.Popen):
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


def test_a_private_space_is_the_metric_alone_and_combined(hub, bare, tmp_path):
    upload = f"""
from huggingface_hub import HfApi
api, space = HfApi(), {{"repo_id": "ada/capacity_tradeoff", "repo_type": "space"}}
api.create_repo(**space, space_sdk="gradio", private=True)
result = api.upload_folder(**space, folder_path={str(FOLDER)!r}, ignore_patterns="__pycache__/*").oid
"""
    result_of(start([sys.executable, "-c"], upload, tmp_path, hub.environment(tmp_path / "uploader")))
    (tmp_path / "same_length.py").write_text(OTHER_METRIC, encoding="utf-8")
    use = f"""
import importlib.util
import evaluate

def load(name):
    return evaluate.load("ada/capacity_tradeoff", experiment_id=name)

def fill(metric):
    metric.add(prediction="8", reference="8", kind="addition", ability="rule", seen=True)
    metric.add_batch(**{{name: values[1:] for name, values in columns.items()}})
    return metric

columns, prompts, alone = {COLUMNS!r}, {PROMPTS!r}, load("alone")
result = {{
    "importable": [bool(importlib.util.find_spec(name)) for name in ("hf_capacity", "torch", "transformers")],
    "computed": alone.compute(**columns, prompts=prompts),
    "added": fill(alone).compute(prompts=prompts),
    "pair": evaluate.combine({{"a": load("a"), "b": load("b")}}).compute(**columns, prompts=prompts),
    "others": fill(evaluate.combine([load("c"), "./same_length.py"])).compute(),
}}
"""
    result = result_of(start(bare, use, tmp_path, hub.environment(tmp_path / "reader")))
    assert result["importable"] == [False, False, False]
    assert result["computed"] == result["added"] == EXPECTED
    assert result["pair"] == {f"{name}_{key}": EXPECTED[key] for name in "ab" for key in EXPECTED}
    assert result["others"].pop("same_length_exact_match") == [True] * 5
    assert result["others"].pop("capacity_tradeoff_exact_match") == 0.6
    assert result["others"].items() < (EXPECTED | {"floors": floors(None, REFERENCES, **SLICES)}).items()
    fetched = {path.split("/")[-1] for method, path in hub.requests if method == "GET"}
    assert fetched == {"capacity_tradeoff.py", "scoring.py"}


def test_two_processes_count_as_one_does(bare, tmp_path):
    codes = [
        f"""
import evaluate

result = []
for cut in (2, 0, 5):
    metric = evaluate.load(
        {str(FOLDER)!r}, num_process=2, process_id={rank}, experiment_id=f"cut at {{cut}}", cache_dir="together"
    )
    share = {{name: (values[:cut], values[cut:])[{rank}] for name, values in {COLUMNS!r}.items()}}
    result.append(metric.compute(**share, prompts={PROMPTS!r}))
"""
        for rank in range(2)
    ]
    environment = os.environ | {"HF_HOME": str(tmp_path / "home")}
    processes = [start(bare, code, tmp_path, environment) for code in codes]
    assert [result_of(process) for process in processes] == [[EXPECTED] * 3, [None] * 3]


def test_the_page_of_the_space_answers(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    requirements = (FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    command = bare_python(tmp_path / "site-packages", *requirements, "gradio")
    code = """
import runpy
from gradio_client import Client

space = runpy.run_path("app/app.py")
space["page"].launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
client = Client(space["page"].local_url, verbose=False)

def answer(rows):
    try:
        return client.predict({"headers": space["COLUMNS"], "data": rows, "metadata": None}, api_name="/score_table")
    except Exception as error:
        return str(error)

mistake = ["5+3=", "8", "8", "addition", "rule", "perhaps"]
result = [answer(space["EXAMPLE"]), answer([mistake]), answer([])]
"""
    environment = os.environ | {"HF_HOME": str(tmp_path / "home"), "GRADIO_TEMP_DIR": str(tmp_path / "gradio")}
    result = result_of(start(command, code, tmp_path, environment | {"GRADIO_ANALYTICS_ENABLED": "False"}))
    counts = {"exact_match": [2, 4], "recall": [1, 2], "fit": [1, 1], "extrapolation": [0, 1]}
    assert result[0]["counts"] == counts
    assert result[1:] == [
        "`seen` must hold True, False or None, but 'perhaps' (str) came.",
        "There is no question to score: give at least one.",
    ]
