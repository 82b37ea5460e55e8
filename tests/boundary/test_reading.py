"""What a user gives as a file or as YAML: numbers are numbers, and nothing passes in silence, hangs or explodes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hf_capacity.boundary.reading import MOST_BYTES, parse_yaml, quote, read_json, read_text
from hf_capacity.boundary.shown import spell_time
from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.config.study import MOST_RUNS, read_study


RUN = "task: arithmetic, model: n14, block_size: 9, batch_size: 8"
HF_CAPACITY = [sys.executable, "-m", "hf_capacity.cli"]
ALIASES = "\n".join(f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 9 if n else ['1'] * 9)}]" for n in range(9))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-7", -7),
        ("+1.5e+3", 1500.0),
        ("0", 0),
        ("true", True),
        ("~", None),
        # Other numbers and truth values in YAML 1.1, and a date.
        *((text, text) for text in ("010", "1:30", "1_000", "0x1f", "0o7", "00.5", "on", "no", "y", "2024-01-01")),
    ],
)
def test_a_plain_number_is_a_number_and_everything_else_is_text(written, meant):
    value = parse_yaml(f"key: {written}", "x")["key"]
    assert (value, type(value)) == (meant, type(meant))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", r"x is not valid YAML \(line 3\): has the key 'a' twice"),
        ("{a: {b: 1, b: 2}}", "has the key 'b' twice"),
        ("1: 2", "has a key '1', where a name is expected"),
        ("true: 2", "has a key 'true'"),
        ("? [a]\n: 2", "has a key that is a collection"),
        ("[" * 3000, "is nested more than 20 levels deep"),
        ("{a: " * 3000, "is nested more than 20 levels deep"),
        (ALIASES, "has more than 20,000 entries, aliases counted"),
        ("&a [*a]", "has the alias 'a' inside of what it stands for"),
        ("a: !!float 1_0", "tags are not read here"),
        ("a: !!python/object:os.system x", "tags are not read here"),
        ("a: *b", "undefined alias"),
        ("a: \x07", "unacceptable character"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: " + "9" * 5000, "digits"),
    ],
)
def test_yaml_that_is_not_what_it_seems_is_refused_in_a_line(text, message):
    with pytest.raises(ValueError, match=message) as refusal:
        parse_yaml(text, "x")
    assert len(str(refusal.value)) < 500
    assert "\n" not in str(refusal.value)


def test_what_messages_quote_is_short():
    assert quote(0.1) == "0.1"
    assert len(quote(["x" * 1000] * 1000)) < 300
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert len(quote(deep)) < 300


def test_only_ordinary_files_of_a_bounded_size_in_utf_8_are_read(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbfdescription: caf\xc3\xa9")  # as some editors begin a file
    assert read_text(path) == "description: café"
    path.write_bytes("description: café".encode("latin-1"))
    with pytest.raises(ValueError, match=r"is not UTF-8 text \(byte 16\)"):
        read_text(path)
    path.write_bytes(b"x" * (MOST_BYTES + 1))
    with pytest.raises(ValueError, match="has more than the 1,000,000 bytes"):
        read_text(path)
    os.mkfifo(tmp_path / "pipe.yaml")
    for special in (tmp_path / "pipe.yaml", Path("/dev/zero"), tmp_path):
        with pytest.raises(ValueError, match="is no ordinary file"):
            read_text(special)
    (tmp_path / "deep.json").write_text("[" * 100_000 + "]" * 100_000, encoding="utf-8")
    with pytest.raises(ValueError, match="nested"):
        read_json(tmp_path / "deep.json")
    (tmp_path / "torn.json").write_text('{"a": 1', encoding="utf-8")
    with pytest.raises(ValueError, match=r"torn.json is not readable as JSON"):
        read_json(tmp_path / "torn.json")


def study(tmp_path, content, *overrides):
    (tmp_path / "s.yaml").write_text(content, encoding="utf-8")
    return read_study(str(tmp_path / "s.yaml"), overrides)


@pytest.mark.parametrize("rate", ["0.001", "1e-3", "1E-03", ".001", "0.0010"])
def test_a_number_selects_and_sets_however_it_is_written(tmp_path, rate):
    [run] = study(
        tmp_path, f"settings: {{{RUN}}}\ngrid: {{learning_rate: [1e-2, 1e-3]}}", f"learning_rate={rate}"
    ).runs()
    assert run.learning_rate == 0.001
    [same] = study(tmp_path, f"settings: {{{RUN}, learning_rate: {rate}}}").runs()
    assert run.run_id == same.run_id


@pytest.mark.parametrize("steps", ["1000", "1e3", "1000.0", "1.e3"])
def test_a_whole_number_is_one_however_it_is_written(tmp_path, steps):
    wanted = ExperimentConfig(task="arithmetic", model="n14", block_size=9, batch_size=8, steps=1000).run_id
    assert study(tmp_path, f"settings: {{{RUN}, steps: {steps}}}").runs()[0].run_id == wanted
    assert study(tmp_path, f"settings: {{{RUN}}}", f"steps={steps}").runs()[0].run_id == wanted
    assert study(tmp_path, f"settings: {{{RUN}}}\ngrid: {{steps: [7, {steps}]}}", "steps=1000").runs()[0].steps == 1000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"settings: {{{RUN}, model: n28}}", "has the key 'model' twice"),
        (f"settings: {{{RUN}, steps: 010}}", r"`steps` \(='010'\)"),
        (f"settings: {{{RUN}, bf16: on}}", r"`bf16` \(='on'\)"),
        (f"settings: {{{RUN}, learning_rate: 1_0}}", r"`learning_rate` \(='1_0'\)"),
        (f"settings: {{{RUN}, weight_decay: true}}", r"`weight_decay` \(=True\)"),
        (f"settings: {{{RUN}}}\ngrid: {{arm: [{{1: 2}}]}}", "has a key '1'"),
        ("settings: {task: {path: arithmetic, parameters: {path: x}}, model: n14}", "must not have path"),
        ("settings: {task: {path: arithmetic, parameters: {split_seed: 1}}, model: n14}", "must not have split_seed"),
        ("settings: {task: arithmetic, model: {name: [x]}}", "unknown rung"),
        ("settings: {task: arithmetic, model: {num_parameters: 1e300}}", "less than or equal to 1000000000000"),
        ("settings: {task: arithmetic, model: {n_layer: 1e6, n_embd: 8}}", "less than or equal to 1000"),
        ("settings: {task: arithmetic, model: {n_embd: 1e12}}", "less than or equal to 1000000000"),
        ("settings: {task: arithmetic, model: {n_layer: 9, n_embd: 1e9}}", "no machine holds such a model"),
        (
            "settings: {task: arithmetic, model: n14, block_size: 1e6, batch_size: 1e6}",
            "must not exceed 1,000,000,000",
        ),
        ("settings: {learning_rate: .nan}", "finite"),
        ("description: [1]", "`description` .* must be text"),
        ("seeds: {model_seed: 1000, data_seed: 1000}", f"of which {MOST_RUNS:,} are possible"),
    ],
)
def test_a_study_that_cannot_be_meant_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        study(tmp_path, content).runs()


@pytest.mark.parametrize(
    "name", ["...yaml", " .yaml", "-x.yaml", ".hidden.yaml", "a\nb.yaml", "x" * 101 + ".yaml", "a .yaml"]
)
def test_a_studys_name_is_checked_before_it_is_a_path(tmp_path, name):
    (tmp_path / name).write_text(f"settings: {{{RUN}}}", encoding="utf-8")
    with pytest.raises(ValueError, match="a study's file names its folder") as refusal:
        read_study(str(tmp_path / name))
    assert "\n" not in str(refusal.value)


def test_a_long_time_is_told_in_a_unit_that_fits_it():
    assert [spell_time(minutes) for minutes in (0.2, 119, 120, 3_000, 2e6, 1e12)] == [
        "1 minute", "119 minutes", "2 hours", "2 days", "4 years", "1,902,588 years"
    ]  # fmt: skip


def test_the_locale_decides_nothing(tmp_path):
    (tmp_path / "s.yaml").write_text(f"description: Le café\nsettings: {{{RUN}, steps: 1}}", encoding="utf-8")
    ascii_only = os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    for command in (["run", "s.yaml", "--dry-run"], ["run", "ö.yaml"], ["run", "s.yaml", "ö=1"]):
        done = subprocess.run([*HF_CAPACITY, *command], cwd=tmp_path, env=ascii_only, capture_output=True, check=False)
        assert b"Traceback" not in done.stderr
        assert done.returncode == (0 if "--dry-run" in command else 2)
