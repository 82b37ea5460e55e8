import dataclasses

import pytest
import yaml

from hf_capacity.config import experiment as config_room
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.model import LADDER
from hf_capacity.config.packaged import packaged_path


CELL = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 882}


def test_the_defaults_are_the_studys():
    run = ExperimentConfig.from_dict(CELL)
    assert (run.steps, run.eval_steps, run.learning_rate, run.min_learning_rate) == (30_000, 250, 1e-2, 1e-4)
    assert (round(run.warmup_ratio * run.steps), round(run.decay_ratio * run.steps)) == (2_000, 25_000)
    assert (run.weight_decay, run.adam_beta1, run.adam_beta2, run.max_grad_norm) == (0.0, 0.9, 0.99, 1.0)
    assert (run.model_seed, run.data_seed, run.split_seed) == (1337, 1337, 1337)
    assert run.task.name == "paper"


def test_yaml_round_trip_is_the_same_run(tmp_path):
    run = ExperimentConfig.from_dict(CELL | {"learning_rate": "5e-3", "keep_checkpoints": [100, 200]})
    assert run.learning_rate == 5e-3, "YAML 1.1 hands 5e-3 over as a string"
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(run.to_dict()), encoding="utf-8")
    read = ExperimentConfig.from_dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert read == run
    assert read.run_id == run.run_id


def test_every_field_and_the_protocol_version_move_the_run_id(monkeypatch):
    run = ExperimentConfig.from_dict(CELL)
    changes = {
        "task": "both", "model": "n28", "block_size": 8, "batch_size": 881, "steps": 100, "eval_steps": 5,
        "save_steps": 7, "keep_checkpoints": [3], "learning_rate": 0.02, "min_learning_rate": 0.001,
        "warmup_ratio": 0.1, "decay_ratio": 0.5, "weight_decay": 0.1, "adam_beta1": 0.8, "adam_beta2": 0.95,
        "max_grad_norm": 2.0, "model_seed": 1, "data_seed": 1, "split_seed": 1, "training_step": "plain", "bf16": True,
        "batches": "lines", "stop_when": {"metric": "fit", "threshold": 1.0}, "curriculum": "interleaved",
        "asked_after": "newline", "embeddings": {"rank": 2}, "start_from": "sha256:0123456789abcdef",
        "probes": True,
    }  # fmt: skip
    of_lines = {
        "lines_per_row": 2, "cut_in_front": True, "random_offset": True, "replacement": True, "loss_on": "answers",
    }  # fmt: skip
    # What does nothing but set another field moves the id by that.
    assert set(changes | of_lines | {"exposures": 1}) == {field.name for field in dataclasses.fields(ExperimentConfig)}
    ids = {ExperimentConfig.from_dict(CELL | {key: value}).run_id for key, value in changes.items()}
    changes |= of_lines
    ids |= {ExperimentConfig.from_dict(CELL | {"batches": "lines", key: of_lines[key]}).run_id for key in of_lines}
    monkeypatch.setattr(config_room, "PROTOCOL_VERSION", -1)
    assert len(ids | {run.run_id}) == len(changes) + 1
    assert run.run_id.startswith("arithmetic-n14-s1337-")


def test_a_rung_by_name_can_be_changed_and_any_other_written_out():
    changed = ExperimentConfig.from_dict(CELL | {"model": {"name": "n14", "dropout": 0.1}})
    assert changed.model == dataclasses.replace(LADDER["n14"], dropout=0.1)
    other = ExperimentConfig.from_dict(CELL | {"model": {"n_layer": 2, "n_head": 2, "n_embd": 32}})
    assert (other.model.n_inner, other.model.label) == (32, "L2-d32-h2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepps": 3}, "unknown key `stepps`: did you mean `steps`?"),
        ({"steps": -3}, "`steps` (=-3): input should be greater than 0"),
        ({"steps": "many"}, "`steps` (='many'): input should be a valid integer"),
        ({"steps": True}, "`steps` (=True): input should be a valid integer"),
        ({"steps": 1.5}, "`steps` (=1.5): input should be a valid integer"),
        ({"learning_rate": float("nan")}, "`learning_rate` (=nan): input should be a finite number"),
        ({"learning_rate": "fast"}, "`learning_rate` (='fast'): input should be a valid number"),
        ({"min_learning_rate": 1}, "`min_learning_rate` (=1.0) must not exceed `learning_rate` (=0.01)."),
        ({"warmup_ratio": 0.9}, "`warmup_ratio` (=0.9) must not exceed `decay_ratio` (=0.8333)."),
        ({"keep_checkpoints": [31_000]}, "`keep_checkpoints` (=[31000]) must not exceed `steps` (=30000)."),
        ({"model": "n15"}, f"`model` (='n15'): unknown rung 'n15'; the ladder has {', '.join(LADDER)}"),
        ({"model": {"n_layer": 1, "n_head": 4, "n_embd": 30}}, "`n_embd` (=30) must be divisible by `n_head` (=4)."),
        (
            {"model": {"n_layer": 1, "n_head": 4, "n_embd": 32, "heads": 2}},
            "`model.heads` is no key of gpt2: did you mean `n_head`?",
        ),
        ({"model": {"n_layer": 1}}, "`model.n_embd` is missing: give it, or a `num_parameters` to aim at."),
        ({"task": {"name": "paper"}}, "`task.path` is missing"),
        ({"task": 3}, "`task` (=3): input should be a dictionary or an instance of TaskConfig"),
        ({"model_seed": -1}, "`model_seed` (=-1): input should be greater than or equal to 0"),
    ],
)
def test_a_mistake_is_told_with_its_key_and_value(change, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the whole message is compared below)
        ExperimentConfig.from_dict(CELL | change)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match="`model` is missing; `block_size` is missing; `batch_size` is missing"):
        ExperimentConfig.from_dict({"task": "arithmetic"})


def test_packaged_studies_are_found():
    assert packaged_path("configs", "quick.yaml").is_file()


def deep(levels):
    return [deep(levels - 1)] if levels else []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task": {"path": "arithmetic", "parameters": {"x": deep(300)}}}, "`task.parameters` is nested more than 20"),
        ({"task": {"path": "arithmetic", "parameters": {"x": {1, 2}}}}, r"`task.parameters` holds \{1, 2\}"),
        ({"task": {"path": "arithmetic", "parameters": {"x": float("nan")}}}, "`task.parameters` holds nan"),
        ({"task": {"path": "arithmetic", "parameters": {"x": "\ud800"}}}, r"`task.parameters` holds '\\ud800'"),
        ({"task": {"path": "arithmetic", "parameters": {"x": [0] * 10**5}}}, "`task.parameters` has more than 20,000"),
        ({"task": "a\0b"}, r"`task.path` \(='a\\x00b'\) has a null character"),
        ({"task": ""}, r"`task.path` \(=''\): string should have at least 1 character"),
        ({"task": "x" * 5_000}, r"`task.path` \(='xxx.*'\): string should have at most 4096 characters"),
        ({"model": {"model_type": "llama", "n_embd": 8, "head_dim": float("inf")}}, "`model.head_dim` holds inf"),
        ({"keep_checkpoints": range(1, 20_000)}, "`keep_checkpoints` .* at most 10000 items"),
        ({"stop_when": {"metrics": "loss"}}, "unknown key `stop_when.metrics`: did you mean `metric`"),
        ({"x": 1, "y": 2, "z": 3, "w": 4, "v": 5}, "unknown key `x`.*; and 2 more mistakes"),
    ],
)
def test_what_no_file_holds_or_no_machine_does_is_refused_in_a_line(fields, message):
    settings = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 8, "steps": 10**6}
    with pytest.raises(ValueError, match=message) as refusal:
        ExperimentConfig.from_dict(settings | fields)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 1_200


def test_of_several_unknown_keys_the_known_ones_are_listed_once():
    with pytest.raises(ValueError, match=r"^unknown key `zzz`; unknown key `qqq`; known: task, model, [a-z_1-9, ]*$"):
        ExperimentConfig.from_dict(
            {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 8, "zzz": 1, "qqq": 2}
        )
