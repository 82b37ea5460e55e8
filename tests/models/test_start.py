"""Initial weights against matrices worked out by hand, and what does not fit against what is said of it."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from hf_capacity.config.embeddings import EmbeddingsConfig
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.model import LADDER, ModelConfig
from hf_capacity.config.sources import as_source
from hf_capacity.experiment import run_experiment
from hf_capacity.models.build import build_model, count_parameters
from hf_capacity.models.start import check_initial_weights, put_on_a_line, reduce_rank, set_initial_weights


CELL = {"task": "arithmetic", "model": "n14", "block_size": 9, "batch_size": 8, "steps": 10, "eval_steps": 10}
# Of `arithmetic`.
ALPHABET = "\n +-0123456789<=>"
VOCABULARY = {character: row for row, character in enumerate(ALPHABET)}
UNTIED = ModelConfig(name="n14", n_embd=14, tie_word_embeddings=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("finished")
    run = ExperimentConfig.from_dict(CELL | {"keep_checkpoints": [5]})
    run_experiment(run, output)
    return output / run.run_id


def started(model=LADDER["n14"], block_size=9, start_from=None, vocabulary=VOCABULARY, **embeddings):
    network = build_model(model, len(vocabulary), block_size, 1)
    set_initial_weights(network, EmbeddingsConfig(**embeddings), start_from, vocabulary)
    return network


def test_a_line_is_the_one_worked_out_by_hand():
    matrix = torch.tensor([[3.0, 4.0], [7.0, 7.0], [0.0, 5.0], [5.0, 0.0]])
    put_on_a_line(matrix, [0, 2, 3])
    # Places -1, 0 and 1 along (3, 4); squares that came to 75 now come to 2 x 37.5.
    unit = (37.5**0.5) / 5
    expected = [[-3 * unit, -4 * unit], [7, 7], [0, 0], [3 * unit, 4 * unit]]
    torch.testing.assert_close(matrix, torch.tensor(expected))


def test_digits_on_a_line_are_explained_by_their_number_whole_and_all_else_is_as_drawn():
    drawn, ours = (started(init=init).state_dict() for init in ("random", "line"))
    rows = [VOCABULARY[digit] for digit in "0123456789"]
    digits_ND = ours["transformer.wte.weight"][rows].double().numpy()
    design = np.column_stack([np.ones(10), np.arange(10)])
    _, residuals, _, _ = np.linalg.lstsq(design, digits_ND, rcond=None)
    assert 1 - residuals.sum() / ((digits_ND - digits_ND.mean(0)) ** 2).sum() == pytest.approx(1, abs=1e-12)
    assert np.linalg.norm(digits_ND) == pytest.approx(float(drawn["transformer.wte.weight"][rows].norm()), rel=1e-6)
    others = [row for row in range(len(ALPHABET)) if row not in rows]
    assert torch.equal(ours["transformer.wte.weight"][others], drawn["transformer.wte.weight"][others])
    assert all(torch.equal(ours[name], drawn[name]) for name in ours if "wte" not in name and "lm_head" not in name)


@pytest.mark.parametrize("rank", [1, 3, 14])
def test_the_nearest_matrix_of_a_rank_leaves_out_the_smallest_singular_values(rank):
    matrix = torch.randn(17, 14, generator=torch.Generator().manual_seed(0))
    reduced = matrix.clone()
    reduce_rank(reduced, rank)
    assert np.linalg.matrix_rank(reduced.numpy(), tol=1e-5) == rank
    left_out = torch.linalg.svdvals(matrix)[rank:]
    assert float((matrix - reduced).norm()) == pytest.approx(float(left_out.norm()), abs=1e-5)


def test_what_is_frozen_or_held_to_a_rank_is_not_counted():
    plain, untied = build_model(LADDER["n14"], 17, 9, 1), build_model(UNTIED, 17, 9, 1)
    whole = 17 * 14 + 9 * 14 + (3 * 14 * 14 + 14 * 14 + 2 * 14 * 14) + 3 * 14
    assert count_parameters(plain) == (whole, whole - 9 * 14)
    assert count_parameters(untied)[0] == whole + 17 * 14
    assert count_parameters(plain, rank=14)[0] == whole
    # Three coordinates for each of 17 characters and three directions in 14 dimensions, less a basis of three.
    assert count_parameters(plain, rank=3)[0] == whole - 17 * 14 + (17 * 3 + 3 * 14 - 3 * 3)
    plain.get_input_embeddings().requires_grad_(False)
    assert count_parameters(plain, rank=3)[0] == count_parameters(plain)[0] == whole - 17 * 14


def test_all_weights_come_from_a_run_and_rows_by_character_and_position(finished):
    learned, source = load_file(finished / "model.safetensors"), as_source("start_from", str(finished))
    same = started(start_from=source).state_dict()
    assert all(torch.equal(same[name], weight) for name, weight in learned.items())
    kept = started(start_from=as_source("start_from", str(finished / "step-5"))).state_dict()
    assert torch.equal(
        kept["transformer.wpe.weight"], load_file(finished / "step-5/model.safetensors")["transformer.wpe.weight"]
    )
    # Another order, another character, one missing, and a longer block.
    vocabulary = {character: row for row, character in enumerate("z" + ALPHABET[:0:-1])}
    drawn = build_model(LADDER["n14"], len(vocabulary), 12, 1).state_dict()
    other = started(block_size=12, start_from=source, vocabulary=vocabulary).state_dict()
    embedding, positions = other["transformer.wte.weight"], other["transformer.wpe.weight"]
    assert torch.equal(embedding[0], drawn["transformer.wte.weight"][0])
    for character in "0+>":
        assert torch.equal(embedding[vocabulary[character]], learned["transformer.wte.weight"][VOCABULARY[character]])
    assert torch.equal(positions[:9], learned["transformer.wpe.weight"])
    assert torch.equal(positions[9:], drawn["transformer.wpe.weight"][9:])


def test_embeddings_alone_come_from_a_run(finished):
    learned = load_file(finished / "model.safetensors")["transformer.wte.weight"]
    ours, drawn = started(UNTIED, init=str(finished)).state_dict(), started(UNTIED).state_dict()
    assert torch.equal(ours["transformer.wte.weight"], learned)
    assert all(torch.equal(ours[name], drawn[name]) for name in ours if "wte" not in name)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"model": LADDER["n28"], "start_from": True},
            "its transformer.wte.weight is 17 x 14, where this model takes 1",
        ),
        (
            {"model": LADDER["n28"], "init": True},
            "its transformer.wte.weight is 17 x 14, where this model takes 17 x 28.",
        ),
        ({"model": UNTIED, "start_from": True}, "does not fit: it has no lm_head.weight, which this model has."),
        ({"model": ModelConfig(n_layer=2, n_embd=14), "start_from": True}, "it has no transformer.h.1.ln_1.weight"),
        ({"model": ModelConfig(model_type="llama", n_embd=14), "init": True}, "it has no model.embed_tokens.weight"),
        ({"alphabet": "abc", "start_from": True}, "its alphabet and that of this run share no character."),
        ({"alphabet": "abc01", "init": "line"}, "(='line') is for digits, and the text has 2 of them: it takes 3 or"),
        ({"model": LADDER["n56"], "rank": 18}, "`embeddings.rank` (=18) must not exceed 17: the embedding has 17"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told_on_the_meta_device(finished, asked, message):
    init = {True: str(finished)}.get(asked.get("init"), asked.get("init", "random"))
    embeddings = EmbeddingsConfig(init=init, rank=asked.get("rank"))
    start_from = as_source("start_from", str(finished)) if "start_from" in asked else None
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the message is compared below)
        check_initial_weights(
            asked.get("model", LADDER["n14"]), embeddings, start_from, asked.get("alphabet", ALPHABET), 9
        )
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_that_changed_since_they_were_named_are_refused(finished, tmp_path):
    folder = tmp_path / "moved"
    folder.mkdir()
    for name in ("record.json", "model.safetensors", "tokenizer.json"):
        (folder / name).write_bytes((finished / name).read_bytes())
    source = as_source("start_from", str(folder))
    weights = load_file(folder / "model.safetensors")
    save_file({name: weight + 1 for name, weight in weights.items()}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="has other weights by now than sha256:"):
        started(start_from=source)
    with pytest.raises(ValueError, match=r"is not whole: its model.safetensors is not the file that its record vouch"):
        as_source("start_from", str(folder))
