"""The harnesses themselves, in this process: each finds right what `hf-capacity evaluate` does, one by one."""

import gc

import pytest
import yaml
from support.foreign_models import BOS, trained
from tokenizers import processors

from dataset_builders import TASKS
from hf_capacity.evaluation.inference import evaluate_model
from hf_capacity.harness import export_task, write_export
from hf_capacity.hub.dataset import benchmark


pytestmark = [
    pytest.mark.slow,  # each loads as much as torch does
    pytest.mark.filterwarnings("ignore"),  # of what they call and are called by
]


@pytest.fixture(scope="module")
def models(half_trained, tmp_path_factory):
    """A run and a model of other tokens, each with the task that it is asked and its verdicts."""
    foreign = tmp_path_factory.mktemp("foreign")
    model, tokenizer, _ = trained("llama")
    # Harnesses leave a mark behind a prompt where it is; `evaluate` takes it away.
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", BOS)]
    )
    model.save_pretrained(foreign)
    tokenizer.save_pretrained(foreign)
    own = half_trained["arithmetic"]
    found = {}
    for name, folder, task in (("ours", own, None), ("foreign", foreign, "both")):
        marks = evaluate_model(folder, task, all_answers=True)
        rates = {rate: marks[rate] for rate in marks["counts"]}
        found[name] = folder, task or str(folder), [row["right"] for row in marks["answers"]], rates
    return found


@pytest.fixture(autouse=True)
def collected():
    """What a harness leaves open goes here, where its warning is ignored: at the end of all tests it is an error."""
    yield
    gc.collect()


def install(tool):
    return pytest.importorskip(tool, reason=f"{tool} is not installed: pip install '.[harness]'")


def exported(harness, task, folder):
    export = export_task(task)
    write_export(harness, export, folder)
    return export


@pytest.mark.parametrize("whose", ["ours", "foreign"])
def test_lm_eval_finds_right_what_evaluate_does(whose, models, tmp_path):
    lm_eval = install("lm_eval")
    from lm_eval.tasks import TaskManager

    model, task, expected, rates = models[whose]
    name = exported("lm-eval", task, tmp_path / "task").name
    found = lm_eval.simple_evaluate(
        "hf",
        model_args={"pretrained": str(model), "dtype": "float32"},
        tasks=[name],
        task_manager=TaskManager(include_path=str(tmp_path / "task"), include_defaults=False),
        batch_size=16,
        device="cpu",
    )
    samples = sorted(found["samples"][name], key=lambda sample: sample["doc_id"])
    assert [sample["exact_match"] == 1 for sample in samples] == expected
    assert 0 < sum(expected) < len(expected)
    assert {rate: found["results"][name][f"{rate},none"] for rate in rates} == pytest.approx(rates)


@pytest.mark.parametrize("whose", ["ours", "foreign"])
def test_inspect_finds_right_what_evaluate_does(whose, models, tmp_path, monkeypatch):
    inspect_ai = install("inspect_ai")
    monkeypatch.chdir(tmp_path)  # it takes relative paths only

    model, task, expected, rates = models[whose]
    exported("inspect", task, tmp_path / "task")
    [log] = inspect_ai.eval(
        "task/task.py",
        model=f"hf/{model}",
        model_args=yaml.safe_load((tmp_path / "task" / "model.yaml").read_text(encoding="utf-8")),
        log_dir=str(tmp_path / "logs"),
        display="none",
    )
    assert log.status == "success", log.error
    assert [sample.scores["line"].value == "C" for sample in log.samples] == expected
    [score] = log.results.scores
    found = {name: metric.value for name, metric in score.metrics.items()}
    assert {rate: found[rate] for rate in rates} == pytest.approx(rates)


def test_inspect_reads_the_benchmarks_of_data_sets():
    install("inspect_ai")
    from inspect_ai._eval.task.hf import HFTask

    for task in TASKS.values():
        found = [HFTask.model_validate(one) for one in yaml.safe_load(benchmark(task))["tasks"]]
        assert {"generate", "pattern"} == {part.name for one in found for part in (*one.solvers, *one.scorers)}
