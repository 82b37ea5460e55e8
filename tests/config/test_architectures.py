"""Any causal language model of transformers, trained and read again: four types stand for all."""

import json
from functools import partial

import pytest
import torch
import yaml
from support.made_records import ARITHMETIC, add_run
from transformers import AutoModelForCausalLM, TrainerCallback

from hf_capacity.analysis.cells import cells_of, ladders_of
from hf_capacity.cli.tables import show_results
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.model import ModelConfig
from hf_capacity.config.study import read_study
from hf_capacity.data.batches import WindowBatches
from hf_capacity.data.task import Task
from hf_capacity.data.tokenizer import encode
from hf_capacity.evaluation.exact_match import mean_loss, predict, verdicts_on_text, write
from hf_capacity.evaluation.exam import Exam
from hf_capacity.evaluation.inference import evaluate_model
from hf_capacity.evaluation.trained_model import ask, load_model
from hf_capacity.experiment import run_experiment
from hf_capacity.hub.card_parts import architecture
from hf_capacity.models.build import build_model, sizes_of
from hf_capacity.runs.records import read_record, read_records
from hf_capacity.runs.table import load_results
from hf_capacity.sweep.task_checks import check_tasks
from hf_capacity.training.steps import build_loss, step_implementation


SHAPES = {
    "gpt2": {"model_type": "gpt2", "hidden_size": 32, "num_hidden_layers": 1},
    "llama": {"model_type": "llama", "hidden_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1},
    "gpt_neox": {"model_type": "gpt_neox", "num_parameters": 5e3},
    "mamba": {"model_type": "mamba", "hidden_size": 16, "state_size": 4},
}
BLOCK = 6  # no sum fits into it with its answer: the window has to slide
CELL = {"task": "arithmetic", "block_size": BLOCK, "batch_size": 32, "eval_steps": 30}


def config(model, **changes):
    return ExperimentConfig.from_dict(CELL | {"model": model, "steps": 60} | changes)


def model_config(**keys):
    return config(keys).model


@pytest.fixture(scope="module", params=SHAPES)
def trained(request, tmp_path_factory):
    """The folder of a run of each type, long enough to know some answers and not others."""
    torch.set_num_threads(1)
    run = config(SHAPES[request.param], steps=150)
    output = tmp_path_factory.mktemp(request.param)
    run_experiment(run, output)
    return output / run.run_id


def test_a_run_of_any_type_is_recorded_and_read_again(trained):
    record, model = read_record(trained), AutoModelForCausalLM.from_pretrained(trained).eval()
    run = ExperimentConfig.from_dict(record["config"])
    assert run.run_id == record["run_id"] == trained.name
    assert (model.config.model_type, model.config.max_position_embeddings) == (run.model.model_type, BLOCK)
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert record["sizes"] == sizes_of(model)
    assert record["provenance"]["training_step"] == ("fused" if run.model.model_type == "gpt2" else "plain")
    exam = Exam(Task.load(run.task, run.split_seed))
    ids_N = torch.tensor(encode(load_model(trained).tokenizer, exam.task.text))
    windows = WindowBatches(ids_N, BLOCK, 1, num_batches=1, data_seed=0).windows_WT
    assert mean_loss(model, windows) == pytest.approx(record["last"]["loss"], rel=1e-5)
    assert record["last"]["loss"] < 2.2, "it has learned something: ln 17 is 2.8"
    marks = evaluate_model(trained)
    assert marks["counts"] == record["last"]["counts"]
    written = {row["prompt"]: row["written"] for row in record["answers"]}
    assert ask(trained, "<5+7=").rstrip() == written["<5+7="]


def test_one_pass_decides_as_writing_does(trained):
    model = load_model(trained)
    exam = Exam(Task.load(ExperimentConfig.from_dict(read_record(trained)["config"]).task, 1337))
    read = partial(encode, model.tokenizer)

    def written(prompts, enough):
        return list(map(model.tokenizer.decode, write(model.model, list(map(read, prompts)), enough)))

    writing = verdicts_on_text(exam.questions, written).correct_Q.tolist()
    assert model.verdicts(exam).correct_Q.tolist() == writing
    assert 0 < sum(writing) < len(writing)


def test_no_type_sees_more_than_a_block(trained):
    model, written = load_model(trained), []
    ids = encode(model.tokenizer, "<1+2=3>\n<4-2=2>\n<5+4=")
    for _ in range(5):
        written.append(int(predict(model.model, torch.tensor([(ids + written)[-BLOCK:]]))[0, -1]))
    assert write(model.model, [ids], [5]) == [written]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_logits_come_back_to_the_last_bit(shape, tmp_path):
    model = build_model(model_config(**shape), 17, BLOCK, 1).eval()
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager").eval()
    ids = torch.arange(BLOCK)[None]
    with torch.no_grad():
        assert torch.equal(loaded(input_ids=ids).logits, model(input_ids=ids).logits)


class StopAt(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("shape", ["llama", "mamba"])
def test_a_stopped_run_ends_as_one_that_was_not(shape, tmp_path):
    dropout = {"dropout": 0.1} if shape == "llama" else {}
    run = config(SHAPES[shape] | dropout, save_steps=20)
    whole = run_experiment(run, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_experiment(run, tmp_path / "stopped", callbacks=[StopAt(27)])
    stopped = run_experiment(run, tmp_path / "stopped")
    assert stopped["provenance"]["resumed_from"] == [20]
    for name in ("model.safetensors", "learning_curve.jsonl", "config.json"):
        assert (tmp_path / "stopped" / run.run_id / name).read_bytes() == (
            tmp_path / "whole" / run.run_id / name
        ).read_bytes()
    assert stopped["answers"] == whole["answers"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"model_type": "vit", "n_embd": 8},
            "`model.model_type` (='vit') is no causal language model of transformers",
        ),
        ({"model_type": "t5", "n_embd": 8}, "known are gpt2, llama, gpt_neox, mamba"),
        ({"model_type": "lama", "n_embd": 8}, "did you mean `llama`?"),
        ({"model_type": ["llama"], "n_embd": 8}, "(=['llama']) must be the name of a type, such as llama"),
        ({"model_type": "llama4", "n_embd": 8}, "has no `hidden_size` of its own"),
        ({"model_type": "llama", "hidden_sizes": 8}, "`model.hidden_sizes` is no key of llama: did you mean `hidden_"),
        (
            {"model_type": "llama", "hidden_size": 8, "n_embd": 8},
            "`model.n_embd` (=8) is given under another name too",
        ),
        ({"model_type": "llama", "hidden_size": "wide"}, "`model.n_embd` (='wide'): input should be a valid integer"),
        ({"model_type": "llama", "n_embd": 9, "n_head": 2}, "`n_embd` (=9) must be divisible by `n_head` (=2)."),
        ({"model_type": "llama", "n_embd": 8, "hidden_act": 3}, "Field 'hidden_act' expected str, got int (value: 3)"),
        (
            {"model_type": "llama", "n_embd": 8, "vocab_size": 3},
            "`model.vocab_size` (=3) is decided by alphabet, block",
        ),
        (
            {"model_type": "llama", "n_embd": 8, "tie_word_embeddings": 2},
            "`model.tie_word_embeddings` (=2): input should",
        ),
        ({"model_type": "gptj", "n_embd": 8, "n_positions": 3}, "`model.n_positions` is no key of gptj"),
        ({"model_type": "mamba", "n_embd": 8, "n_head": 2}, "`model.n_head` is no key of mamba"),
        (
            {"model_type": "mamba", "n_embd": 8, "dropout": 0.1},
            "`model.dropout` (=0.1): mamba has none, leave it out.",
        ),
        ({"model_type": "llama"}, "`model.n_embd` is missing: give it, or a `num_parameters` to aim at."),
        ({"n_embd": 8, "num_parameters": 5e4}, "`model.n_embd` (=8) and `model.num_parameters` (=50000) both say how"),
        ({"num_parameters": "many"}, "`model.num_parameters` (='many'): input should be a valid number"),
        ({"num_parameters": 0}, "`model.num_parameters` (=0): input should be greater than 0"),
        ({"name": "n14", "num_parameters": 5e4}, "`model.name` (='n14') is a rung, whose type and width are given"),
        ({"name": "n14", "model_type": "llama"}, "`model.name` (='n14') is a rung, whose type and width are given"),
    ],
)
def test_a_mistake_is_told_before_anything_is_loaded(keys, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the message is compared below)
        config(keys)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"model_type": "bert", "n_embd": 8},
            "is no causal language model with these keys: a position sees the charac",
        ),
        ({"model_type": "llama", "n_embd": 8, "hidden_act": "no-such"}, "cannot be a llama with these keys: KeyError"),
        ({"model_type": "gptj", "n_embd": 8}, "`model` cannot be a gptj with these keys: RuntimeError: The size of"),
        (
            {"model_type": "mamba", "num_parameters": 100},
            "is below the smallest mamba with these keys, an alphabet of 17",
        ),
    ],
)
def test_what_shows_when_a_model_is_built_is_told_before_it_is_trained(keys, message, tmp_path):
    run = config(keys)
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the message is compared below)
        run_experiment(run, tmp_path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / run.run_id / "learning_curve.jsonl").exists()


def test_an_encoder_that_decodes_is_taken():
    model = build_model(model_config(model_type="bert", n_embd=8, is_decoder=True), 17, BLOCK, 1)
    assert model.training


def test_keys_at_their_defaults_are_not_told_and_two_names_are_one_key():
    assert set(config("n14").to_dict()["model"]) == {"name", "n_layer", "n_head", "n_embd", "n_inner", "dropout"}
    assert config({"model_type": "gpt2", "hidden_size": 14}).run_id == config({"n_embd": 14}).run_id
    for shape in SHAPES.values():
        run = config(shape)
        assert ExperimentConfig.from_dict(json.loads(json.dumps(run.to_dict()))) == run
    standard = config({"model_type": "opt", "hidden_size": 8, "intermediate_size": 16, "enable_bias": False})
    own = config({"model_type": "opt", "n_embd": 8, "ffn_dim": 16, "enable_bias": False})
    assert standard.run_id == own.run_id != config({"model_type": "opt", "n_embd": 8, "ffn_dim": 16}).run_id
    assert standard.to_dict()["model"]["enable_bias"] is False


@pytest.mark.parametrize(
    ("keys", "label"),
    [
        ({"n_layer": 2, "n_head": 2, "n_embd": 32}, "L2-d32-h2"),
        ({"model_type": "llama", "n_layer": 2, "n_head": 2, "n_embd": 32}, "llama-L2-d32-h2"),
        ({"model_type": "mamba", "n_layer": 2, "n_embd": 32}, "mamba-L2-d32"),
        ({"num_parameters": "5e4"}, "gpt2-50k"),
        ({"model_type": "gpt_neox", "n_layer": 2, "n_head": 4, "num_parameters": 1.5e6}, "gpt_neox-L2-h4-1.5M"),
    ],
)
def test_labels_tell_types_and_sizes_apart(keys, label):
    assert model_config(**keys).label == label
    assert config(keys).run_id.startswith(f"arithmetic-{label}-s1337-")


def test_a_study_spans_types_and_numbers_of_parameters(tmp_path):
    path = tmp_path / "sizes.yaml"
    grid = {"model.model_type": ["gpt2", "llama", "mamba"], "model.num_parameters": ["1e4", "5e4"]}
    path.write_text(yaml.safe_dump({"settings": CELL, "grid": grid}), encoding="utf-8")
    runs = read_study(str(path)).runs()
    check_tasks(runs)
    assert {run.model.label for run in runs} == {
        f"{model_type}-{size}" for model_type in ("gpt2", "llama", "mamba") for size in ("10k", "50k")
    }
    [run] = read_study(str(path), ["model.model_type=llama", "model.num_parameters=1e4"]).runs()
    assert run.model == ModelConfig(model_type="llama", num_parameters=1e4)
    deeper = read_study(str(path), ["model.num_hidden_layers=3", "model.model_type=llama"]).runs()
    assert {run.model.label for run in deeper} == {"llama-L3-10k", "llama-L3-50k"}
    with pytest.raises(
        ValueError, match="is below the smallest gpt2 with these keys, an alphabet of 17 and a block of 6"
    ):
        check_tasks(read_study(str(path), ["model.num_parameters=20"]).runs())


def test_reports_keep_types_apart(tmp_path, capsys):
    for model in ("n14", {"model_type": "llama", "n_embd": 14}, {"model_type": "llama", "n_embd": 28}):
        add_run(tmp_path / "s", "arithmetic", model, ARITHMETIC)
    cells = cells_of(read_records(tmp_path / "s"))
    assert [(ladder.title, [cell.model for cell in ladder.cells]) for ladder in ladders_of(cells)] == [
        ("arithmetic, llama", ["llama-L1-d14-h1", "llama-L1-d28-h1"]),
        ("arithmetic", ["n14"]),
    ]
    assert architecture(cells, "s") == "causal language models (gpt2, llama)"
    assert architecture(cells[-1:]) == "causal language model (llama)"
    show_results(load_results(tmp_path / "s"), {})
    told = capsys.readouterr().out
    assert all(told.count(f" {label} ") == 1 for label in ("n14", "llama-L1-d14-h1", "llama-L1-d28-h1"))


def test_the_kernel_is_for_the_ladders_type_alone():
    for shape, on_a_cpu in (("gpt2", "fused"), ("llama", "compiled"), ("mamba", "compiled")):
        assert step_implementation(config(SHAPES[shape], steps=5_000), "cpu") == on_a_cpu
        assert step_implementation(config(SHAPES[shape], steps=5_000), "cuda") == "compiled"
    assert step_implementation(config(SHAPES["llama"], steps=4_999), "cpu") == "plain"


@pytest.mark.slow  # compiles for a quarter of a minute each
@pytest.mark.parametrize("shape", ["llama", "gpt_neox", "mamba"])
def test_a_compiled_step_is_the_plain_one_to_rounding(shape):
    run = config(SHAPES[shape])
    model, windows = build_model(run.model, 17, BLOCK, 1), torch.randint(0, 17, (32, BLOCK + 1))
    gradients = {}
    for implementation in ("plain", "compiled"):
        model.zero_grad()
        build_loss(implementation, model, run)(model, windows).backward()
        gradients[implementation] = {name: parameter.grad for name, parameter in model.named_parameters()}
    torch.testing.assert_close(gradients["compiled"], gradients["plain"], rtol=1e-4, atol=1e-6)
