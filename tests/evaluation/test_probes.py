"""Probes of real runs: beside an equal run without them, from a folder, at the command line; and what has none."""

import numpy as np
import pytest
import torch
from PIL import Image
from support.foreign_models import byte_pairs, trained
from support.kept_runs import without_folder
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from dataset_builders import load_task, numerals
from hf_capacity import evaluate_model, probe_model
from hf_capacity.cli import app, tables
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.evaluation.exact_match import predict
from hf_capacity.evaluation.extraction import extraction_curve
from hf_capacity.evaluation.geometry import number_line
from hf_capacity.evaluation.probes import number_ids
from hf_capacity.evaluation.trained_model import load_model
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.curve_table import read_curves
from hf_capacity.runs.kept import KEPT_CURVES, load_curves, load_records, pack_study
from hf_capacity.runs.records import read_curve, read_record


CELL = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 128, "steps": 300, "eval_steps": 100}
GEOMETRY = ("number_line", "parallelogram_ratio", "effective_rank", "inverse_participation_ratio", "weight_norm")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Of a run without probes, and of the same with them."""
    output = tmp_path_factory.mktemp("probed") / "s"
    runs = [ExperimentConfig.from_dict(CELL | probes) for probes in ({}, {"probes": True})]
    for run in runs:
        run_experiment(run, output, study="s")
    return [output / run.run_id for run in runs]


def test_they_change_no_weight_and_nothing_else_that_is_recorded(folders):
    assert len({(folder / "model.safetensors").read_bytes() for folder in folders}) == 1
    plain, probed = map(read_curve, folders)
    assert [row | {"probes": None} for row in plain] == [row | {"probes": None} for row in probed]
    assert all(tuple(row["probes"]) == GEOMETRY for row in probed)
    assert len(plain) == 4
    assert folders[0].name != folders[1].name


def test_the_record_has_all_of_the_last_checkpoint(folders):
    plain, probed = map(read_record, folders)
    assert "probes" not in plain
    found, last = probed["probes"], probed["last"]
    assert {name: found[name] for name in GEOMETRY} == last["probes"]
    assert [row["directions"] for row in found["extraction"]] == list(range(1, 10))
    assert found["extraction"][-1]["counts"] == last["counts"]
    assert sum(found["variance_shares"]) == pytest.approx(1)
    assert list(found["linear_probes"]) == ["first_operand", "second_operand", "result"]
    model = AutoModelForCausalLM.from_pretrained(folders[1])
    total = sum(float((weight.detach().double() ** 2).sum()) for weight in model.parameters())
    assert found["weight_norm"] == pytest.approx(total**0.5, rel=1e-5)


def test_a_folder_is_probed_as_its_record_says(folders):
    found, recorded = probe_model(folders[0]), read_record(folders[1])["probes"]
    assert {name: found[name] for name in recorded} | {"linear_probes": {}} == recorded | {"linear_probes": {}}
    for name, scores in recorded["linear_probes"].items():  # torch may add up in another order outside of a run
        assert found["linear_probes"][name] == pytest.approx(scores, abs=1e-3)
    assert found["symbols"] == "0123456789"
    assert np.sum(np.var(found["coordinates"], axis=0)) > 0


def test_curves_with_probes_are_kept_and_come_back(folders, tmp_path):
    records = load_records(folders[0].parent)
    curves = load_curves(folders[0].parent, records)
    for name, content in pack_study(list(map(without_folder, records)), curves).items():
        (tmp_path / name).write_bytes(content)
    assert load_curves(tmp_path, load_records(tmp_path)) == curves
    packed = [row for _, row in read_curves((tmp_path / KEPT_CURVES).read_bytes())]
    assert sum(row["probes"] is not None for row in packed) == 4


def test_numbers_are_projected_where_they_are_read_and_only_then(folders):
    trained_model = load_model(folders[0])
    model = trained_model.model
    ids = number_ids(trained_model.tokenizer, "0123456789", [])
    weights = model.get_input_embeddings().weight
    before = weights.detach().clone()
    row_RT = torch.tensor([ids])
    whole, seen = predict(model, row_RT[:, :9]), []

    def look():
        seen.append(model.get_input_embeddings()(row_RT)[0].detach().double().numpy())
        return {}

    embeddings = before[ids].double().numpy()
    extraction_curve(model, ids, embeddings, look)
    assert [np.linalg.matrix_rank(one - one.mean(0), tol=1e-4) for one in seen] == list(range(1, 10))
    assert all(one.mean(0) == pytest.approx(embeddings.mean(0), abs=1e-6) for one in seen)
    assert np.array_equal(seen[-1], embeddings)
    assert torch.equal(weights, before)
    assert torch.equal(predict(model, row_RT[:, :9]), whole)


def test_many_directions_are_scored_by_doubles():
    class Model(torch.nn.Module):
        device, dtype = "cpu", torch.float32

    model = load_like(Model, torch.nn.Embedding(40, 64))
    rows = extraction_curve(model, range(40), model.embedding.weight.detach().double().numpy(), dict)
    assert [row["directions"] for row in rows] == [*range(1, 11), 20, 39]


def load_like(kind, embedding):
    model = kind()
    model.embedding = embedding
    model.get_input_embeddings = lambda: embedding
    model.config = type("Config", (), {"get_text_config": lambda self: self, "vocab_size": len(embedding.weight)})()
    return model


def digits_apart(text):
    """A byte-level BPE that reads each digit by itself."""
    tokenizer = byte_pairs(text)
    apart = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(apart)
    return tokenizer


def test_a_model_that_is_not_ours_is_probed_if_its_tokenizer_keeps_digits_apart(tmp_path):
    model, tokenizer, _ = trained("llama", steps=5)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match=r"probes need one token for each number, and this tokenizer has '.*' for '\d'"
    ):
        probe_model(tmp_path, "arithmetic")
    digits_apart("".join(load_task("arithmetic")["train"]["text"])).save_pretrained(tmp_path)
    task = {"path": "arithmetic", "parameters": {"num_lines": 30, "num_questions": 2}}
    found = probe_model(tmp_path, task)
    assert "linear_probes" not in found
    assert found["extraction"][-1]["counts"] == evaluate_model(tmp_path, task)["counts"]
    embeddings = model.get_input_embeddings().weight.detach().double().numpy()
    ids = [load_model(tmp_path).tokenizer(f"<{digit}", add_special_tokens=False).input_ids[-1] for digit in range(10)]
    assert found["number_line"] == pytest.approx(number_line(embeddings[ids]))


def test_a_residue_that_is_split_into_bytes_has_no_token():
    symbols = numerals("arithmetic", "mod_division").symbols
    with pytest.raises(ValueError, match="this tokenizer has pieces of a character for '一'"):
        number_ids(byte_pairs("<1+2=3>"), symbols, [f"<{symbols[3]}/{symbols[5]}="])


@pytest.mark.parametrize(
    ("task", "prompt", "answer", "numbers"),
    [
        (("arithmetic",), "<5+7=", "12", (5, 7, 12)),
        (("arithmetic",), "<5-7=", "-2", (5, 7, -2)),
        (("arithmetic", "reversed_addition"), "<012+109=", "1210", (12, 109, 121)),
        (("arithmetic", "ten_digit_addition"), "<2100000000+9010000000=", "12100000000", (12, 109, 121)),
        (("arithmetic", "mod_division"), "<丅/七=", "丂", (5, 3, 2)),
        (("both",), "<5+7=", "12", (5, 7, 12)),
        (("both",), "Capital of France is ", "Paris", None),
    ],
)
def test_questions_say_their_numbers(task, prompt, answer, numbers):
    assert numerals(*task).read(prompt, answer) == numbers


def test_which_numerals_are_residues():
    modulo = {"operations": ["+"], "withheld_split": "random", "withheld_fraction": 0.1}
    for modulus, found in ((7, ("0123456", 7)), (10, ("0123456789", 10)), (97, ("0123456789", None))):
        written = numerals("arithmetic", "random", **modulo, modulus=modulus)
        assert (written.symbols, written.modulus) == found
    assert numerals("capitals") is numerals("facts") is numerals("somebody/sums") is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["task=capitals"], "capitals has no digits or residues as tokens: take a task such as arithmetic"),
        (
            ["task=arithmetic", "task.name=random", "task.parameters={modulus: 3}"],
            "probes need 5 numbers or more, and arithmetic has 3",
        ),
        (["task=both", "probes=maybe"], "`probes`"),
    ],
)
def test_a_study_that_cannot_be_probed_is_refused_before_anything_is_written(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    settings = ["probes=true", "model=n14", "block_size=9", "batch_size=8", "steps=20", "eval_steps=10"]
    (tmp_path / "s.yaml").write_text("settings: {task: arithmetic}\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["run", "s.yaml", *settings, *words])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


def test_the_command_prints_and_draws(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["probe", str(folders[1])])
    assert result.exit_code == 0
    for said in ("number line", "parallelogram ratio", "of 9 directions", "with shuffled numbers", "Written: "):
        assert said in result.output
    with Image.open(tmp_path / f"probes-{folders[1].name}.png") as image:
        assert image.size == (1400, 1120)


def test_the_figure_is_there_though_nobody_reads_the_tables(folders, tmp_path, monkeypatch):
    def nobody_reads(found):
        raise BrokenPipeError

    monkeypatch.setattr(tables, "show_probes", nobody_reads)
    CliRunner().invoke(app, ["probe", str(folders[1]), "--output", str(tmp_path / "probes.png")])
    assert (tmp_path / "probes.png").exists()


def test_the_command_refuses_in_a_line_what_it_cannot_probe(folders, half_trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (bare / name).write_bytes((folders[0] / name).read_bytes())
    for words, message in (
        ([half_trained["capitals"]], "capitals has no digits or residues as tokens"),
        ([bare], "does not say what it was trained on: name a task, such as `--task arithmetic`"),
        ([folders[0], "--output", "probes.pdf"], "`--output` (=probes.pdf) must end in .png"),
        (["nobody/nothing"], "is no folder, and no model on the Hub"),
    ):
        result = CliRunner().invoke(app, ["probe", *map(str, words)])
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), words
        assert message in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bare"]
