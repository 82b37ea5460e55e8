"""Which study a folder replicates, and where that is found."""

import json
import shutil

import pytest
import yaml
from support.made_records import add_run, add_runs, arithmetic

from hf_capacity.config.packaged import packaged_path
from hf_capacity.runs.claim import claim_folder
from hf_capacity.runs.kept import load_records
from hf_capacity.runs.originals import (
    check_replication,
    claim_replication,
    describe_original,
    find_original,
    find_study,
    plan_digest,
    read_original,
    replicated_records,
)
from hf_capacity.runs.records import read_records


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A study of two runs in `runs/s`, seen from the folder above."""
    monkeypatch.chdir(tmp_path)
    add_runs(tmp_path / "runs" / "s", "arithmetic", "n14", [arithmetic(1), arithmetic(2)])
    return tmp_path / "runs"


def test_a_study_is_found_by_folder_or_name(runs, tmp_path):
    assert find_study("runs/s") == find_study("s")
    assert find_study(str(runs / "s")) == runs / "s"
    assert find_study("rescue") == packaged_path("model_cards", "rescue")
    add_run(runs / "rescue", "arithmetic", "n14", arithmetic(1))
    assert find_study("rescue").resolve() == runs / "rescue", "one's own runs before published ones"
    (tmp_path / "empty").mkdir()
    for source in ("empty", "none", "no/such/folder", "x" * 5_000, "", "s.yaml"):
        with pytest.raises(ValueError, match="has no finished run"):
            find_study(source)


def test_a_replication_knows_its_original_as_long_as_that_has_the_runs_it_had(runs):
    original = describe_original(runs / "s", read_records(runs / "s"), 6)
    assert (original.study, original.folder, original.runs, original.seeds) == ("s", "s", 2, 6)
    assert original.digest == plan_digest(record["run_id"] for record in read_records(runs / "s"))
    claim_folder(runs / "again", "again", "Is it so?")
    claim_replication(runs / "again", original)
    claim_replication(runs / "again", original)
    assert read_original(runs / "again") == original
    content = yaml.safe_load((runs / "again" / "study.yaml").read_text(encoding="utf-8"))
    assert content["description"] == "Is it so?"
    assert content["replicates"] == {"study": "s", "folder": "s", "runs": 2, "digest": original.digest, "seeds": 6}
    assert find_original(runs / "again", original) == runs / "s"
    before = read_records(runs / "s")
    later = add_run(runs / "s", "arithmetic", "n14", arithmetic(1), model_seed=9)
    record = json.loads((later / "record.json").read_text(encoding="utf-8"))
    record["provenance"]["finished"] = "2100-01-01T00:00:00+00:00"
    (later / "record.json").write_text(json.dumps(record), encoding="utf-8")
    assert find_original(runs / "again", original) == runs / "s", "a study may grow"
    assert replicated_records(runs / "s", original) == before
    shutil.rmtree(before[0]["folder"])
    assert find_original(runs / "again", original) is None


def test_a_kept_replication_finds_the_kept_original():
    kept = packaged_path("model_cards", "rescue")
    records = [{"study": "rescue", "run_id": "a"}]
    assert find_original(kept.with_name("rescue_again"), describe_original(kept, records)) is None
    assert find_original(kept.with_name("rescue_again"), describe_original(kept, load_records(kept))) == kept


@pytest.mark.parametrize(
    "content", ["", "[]", "replicates: 3", "replicates: {study: s}", "study: s", "[", "replicates: []"]
)
def test_a_folder_that_does_not_say_replicates_nothing(tmp_path, content):
    (tmp_path / "study.yaml").write_text(content, encoding="utf-8")
    assert read_original(tmp_path) is None
    assert read_original(tmp_path / "none") is None


SOUND = {"study": "s", "folder": "s", "runs": 2, "digest": "0123456789ab"}


@pytest.mark.parametrize(
    "change",
    [
        *[{"folder": folder} for folder in ("../../elsewhere", "/etc", "", 3, "a\nb")],
        *[{"study": study} for study in ("<img src=x>", "`", "..", None)],
        *[
            {"seeds": seeds}
            for seeds in ("some", [1], {"split_seed": "<b>"}, {"<b>": 3}, {3: 3}, {"split_seed": None})
        ],
        {"digest": "<b>"},
        {"digest": 3},
        {"runs": "2"},
        {"more": 1},
    ],
)
def test_nothing_else_than_what_was_written_is_read(tmp_path, change):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({"replicates": SOUND | change}), encoding="utf-8")
    assert read_original(tmp_path) is None


@pytest.mark.parametrize(
    ("seeds", "asked"),
    [
        (None, ""),
        (6, "--seeds 6 "),
        ("all", "--seeds all "),
        ({"model_seed+data_seed": 3, "split_seed": "all"}, '--seeds "{model_seed+data_seed: 3, split_seed: all}" '),
    ],
)
def test_the_command_that_finishes_it_can_be_written_down(tmp_path, seeds, asked):
    content = SOUND | ({"seeds": seeds} if seeds else {})
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({"replicates": content}), encoding="utf-8")
    original = read_original(tmp_path)
    assert original.to_dict() == content
    assert original.command("again") == f"hf-capacity replicate s {asked}--output runs/again"


def test_a_folder_is_one_replications_only(runs, tmp_path):
    original = describe_original(runs / "s", read_records(runs / "s"))
    check_replication(runs / "again", original)
    with pytest.raises(ValueError, match=r"`--output` .* replicates nothing, and this would be the 2 runs of 's'"):
        check_replication(runs / "s", original)
    add_run(runs / "again", "arithmetic", "n14", arithmetic(1), model_seed=9)
    claim_folder(runs / "again" / "x", "again")
    (runs / "again" / "x" / "study.yaml").rename(runs / "again" / "study.yaml")
    claim_replication(runs / "again", original)
    check_replication(runs / "again", original)
    crossed = describe_original(runs / "s", read_records(runs / "s"), {"split_seed": 3})
    with pytest.raises(
        ValueError, match=r"with its seeds, and this would be .* with seeds {'split_seed': 3}: name ano"
    ):
        check_replication(runs / "again", crossed)
    (tmp_path / "elsewhere").mkdir()
    (runs / "s").rename(tmp_path / "elsewhere" / "s")
    with pytest.raises(ValueError, match="its report would look for 's' beside it and in runs"):
        check_replication(runs / "new", original)
