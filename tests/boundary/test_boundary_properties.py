"""Whatever stands in a study or an override, it is a plan or is refused in one line, soon and in little memory."""

import json

import datasets  # noqa: F401  # imported before anything is timed: a study may ask its task how many pairs it has
import pytest
import yaml
from hypothesis import strategies as st
from support.hostile_values import FEW, TEXTS, VALUES, ends_well, for_all, mutations

from hf_capacity.boundary.reading import parse_yaml, read_json
from hf_capacity.boundary.shown import spell_time
from hf_capacity.config.architectures import architecture
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.study import read_study
from hf_capacity.sweep.estimate import estimate_minutes


RUN = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 8, "steps": 100}
LLAMA = {"model_type": "llama", "n_layer": 2, "n_head": 2, "n_embd": 8, "num_key_value_heads": 1}
PAIRS = {"path": "arithmetic", "name": "paper", "parameters": {"withheld_pairs": [[5, 7]]}}
CONFIGS = (
    RUN | {"keep_checkpoints": [50, 100], "learning_rate": 1e-2, "stop_when": {"metric": "loss", "threshold": 0.1}},
    RUN | {"model": {"name": "n14", "dropout": 0.1}, "task": PAIRS, "batches": "lines", "bf16": False},
    RUN | {"model": {"num_parameters": 5_000}, "curriculum": "rule_first", "warmup_ratio": 0.1, "model_seed": 7},
    RUN | {"batches": "lines", "lines_per_row": 2, "cut_in_front": True, "random_offset": True, "asked_after": 2},
    RUN | {"model": LLAMA},
    RUN | {"embeddings": {"init": "line", "rank": 2}, "model": {"name": "n14", "initializer_range": 0.1}},
    RUN | {"start_from": "sha256:0123456789abcdef", "model": {"name": "n14", "tie_word_embeddings": False}},
)
STUDIES = (
    {"description": "What it asks.", "settings": CONFIGS[0], "seeds": {"model_seed+data_seed": 2, "split_seed": 2}},
    {"settings": RUN, "grid": {"task": ["arithmetic", "both"], "model": ["n14", LLAMA], "learning_rate": [0.1, 0.01]}},
    {"settings": RUN, "grid": {"arm": [{"steps": 50}, {"model.dropout": 0.1}]}, "resources": {"num_cpus": 1}},
)
KEYS = st.sampled_from(
    (
        *("steps", "seeds", "task", "task.path", "task.parameters.path", "task.parameters.withheld_pairs", "model"),
        *("model.name", "model.n_embd", "model.dropout", "learning_rate", "keep_checkpoints", "arm", "model.name.x"),
        *("embeddings", "embeddings.init", "embeddings.rank", "start_from", "model.initializer_range"),
    )
)
YAML_TEXTS = st.text(alphabet="ab01:-[]{},&*!|>'\"?#%@`\n .e+<~é\t", max_size=60)


architecture("llama")  # likewise


def plan(path, overrides=()):
    study = read_study(str(path), overrides)
    if study.num_runs > 1_000:  # asked back by the command
        return
    runs = study.runs()
    assert len({run.run_id for run in runs}) == len(runs)
    for run in runs:
        assert ExperimentConfig.from_dict(json.loads(json.dumps(run.to_dict()))).run_id == run.run_id
        assert len(run.run_id.encode()) < 250
        assert run.run_id.isprintable()
        assert "/" not in run.run_id
    assert len(spell_time(estimate_minutes(runs, [], 2))) < 40


def cases(many):
    return pytest.mark.parametrize("number", [FEW, pytest.param(many, marks=pytest.mark.slow)])


@cases(3_000)
def test_a_config_is_a_run_or_is_refused(number):
    for_all(number, mutations(*CONFIGS), lambda content: ends_well(lambda: ExperimentConfig.from_dict(content).run_id))


@cases(2_000)
def test_a_study_is_a_plan_or_is_refused(number, tmp_path):
    def check(content):
        text = yaml.safe_dump(content, allow_unicode=True)
        (tmp_path / "s.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        ends_well(lambda: plan(tmp_path / "s.yaml"))

    for_all(number, mutations(*STUDIES), check)


@cases(2_000)
def test_an_override_changes_a_plan_or_is_refused(number, tmp_path):
    for place, content in enumerate(STUDIES):
        (tmp_path / f"s{place}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    values = YAML_TEXTS | VALUES.map(lambda value: yaml.safe_dump(value, default_flow_style=True, width=10**9))
    overrides = st.tuples(KEYS | TEXTS, st.sampled_from(("=", "=", "=", "")), values).map("".join)

    def check(drawn):
        place, given = drawn
        ends_well(lambda: plan(tmp_path / f"s{place}.yaml", given))

    for_all(number, st.tuples(st.integers(0, 2), st.lists(overrides, min_size=1, max_size=3)), check)


@cases(3_000)
def test_any_text_is_yaml_or_is_refused(number):
    for_all(number, YAML_TEXTS, lambda text: ends_well(lambda: parse_yaml(text, "it")))


@cases(2_000)
def test_any_file_is_a_study_or_is_refused(number, tmp_path):
    def check(content):
        (tmp_path / "s.yaml").write_bytes(content)
        ends_well(lambda: plan(tmp_path / "s.yaml"))
        ends_well(lambda: read_json(tmp_path / "s.yaml"))

    for_all(number, st.binary(max_size=200) | YAML_TEXTS.map(str.encode), check)


@cases(1_000)
def test_any_name_of_a_file_is_a_study_or_is_refused(number, tmp_path):
    def check(name):
        path = tmp_path / "folder" / f"{name}.yaml"
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_text(yaml.safe_dump({"settings": RUN}), encoding="utf-8")
        except (OSError, ValueError):
            pass  # no file can be called this, which a user may type all the same
        ends_well(lambda: plan(path))

    for_all(number, TEXTS, check)
