"""Runs whose tokenizer was written before newlines were named: whole, and with the scores of the same run today."""

import json
import shutil

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from hf_capacity import ExperimentConfig, evaluate_model, run_experiment
from hf_capacity.boundary.writing import sha256
from hf_capacity.hub import study_repositories
from hf_capacity.runs.folder import RunFolder
from hf_capacity.runs.records import read_record
from hf_capacity.runs.schema import with_digest
from hf_capacity.runs.vouching import check_model


RUN = ExperimentConfig(
    task="arithmetic", model="n14", block_size=9, batch_size=8, steps=20, eval_steps=20, save_steps=10
)
NO_SPECIAL_TOKENS: dict[str, str] = {}
NEWLINE_FOR_TWO = {"eos_token": "\n", "unk_token": "\n"}


@pytest.fixture(scope="module")
def today(tmp_path_factory):
    output = tmp_path_factory.mktemp("today") / "s"
    run_experiment(RUN, output, study="s")
    return output


@pytest.fixture(params=[NO_SPECIAL_TOKENS, NEWLINE_FOR_TWO], ids=["no special tokens", "newline for two"])
def before(today, tmp_path, request):
    """The same run with the files that it would have had then: no generation settings, and another tokenizer."""
    folder = shutil.copytree(today, tmp_path / "s") / RUN.run_id
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    ids = {letter: place for place, (letter, _) in enumerate(vocabulary)}
    letters = Tokenizer(models.WordLevel(ids, unk_token="\n"))
    letters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    letters.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(tokenizer_object=letters, model_max_length=9, **request.param).save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    record = read_record(folder)
    record.pop("digest")
    record["files"].pop("generation_config.json")
    record["files"] = {name: sha256(folder / name) for name in record["files"]}
    (folder / "record.json").write_text(json.dumps(with_digest(record)), encoding="utf-8")
    return folder.parent


def test_a_run_of_before_is_whole_under_the_same_id_and_scores_alike(today, before):
    for output in (today, before):
        assert RunFolder(output, RUN).done()
        assert check_model(output / RUN.run_id)
    now, then = (evaluate_model(output / RUN.run_id) for output in (today, before))
    assert now == then


def test_a_run_of_before_is_published(before):
    repositories = [repository.revisions[-1].files for repository in study_repositories(before, "ada")]
    [model] = [files for files in repositories if "model.safetensors" in files]
    assert "tokenizer.json" in model
    assert "generation_config.json" not in model
