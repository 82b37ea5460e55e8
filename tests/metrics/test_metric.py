"""The capacity_tradeoff metric: counted by hand, by a slow second path, by SciPy, and through evaluate."""

import ast
import doctest
import json
import os
import random
import re
import subprocess
import sys
import timeit
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.stats import binomtest

from hf_capacity.metrics.capacity_tradeoff.scoring import floors, score


ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "hf_capacity" / "metrics" / "capacity_tradeoff"
INTERVALS = "intervals_over_questions_of_one_model"
SLICES = {
    "kind": ["addition", "addition", "addition", "capital", "capital"],
    "ability": ["rule", "rule", "rule", "fact", "fact"],
    "seen": [True, True, False, True, True],
}
COLUMNS = {"predictions": ["8", "6", "11", "Paris", "Rome"], "references": ["8", "6", "12", "Paris", "Oslo"], **SLICES}
CORRECT = [True, True, False, True, False]
COUNTS = {"exact_match": [3, 5], "recall": [1, 2], "fit": [2, 2], "extrapolation": [0, 1]}


def study_questions() -> dict:
    """The sums and differences of two digits, 5 with 7 withheld: the columns that `floors` takes."""
    pairs = [(a, b) for a in range(10) for b in range(10)]
    return {
        "prompts": [f"<{a}{sign}{b}=" for sign in "+-" for a, b in pairs],
        "references": [str(a + sign * b) for sign in (1, -1) for a, b in pairs],
        "kind": ["addition"] * 100 + ["subtraction"] * 100,
        "ability": ["rule"] * 200,
        "seen": [{a, b} != {5, 7} for a, b in pairs * 2],
    }


def test_score_of_a_small_example_counted_by_hand():
    result = score(np.array(CORRECT), **{name: np.array(SLICES[name]) for name in SLICES}, floors={"kinds": {}})
    assert json.dumps(result) == json.dumps(score(CORRECT, **SLICES, floors={"kinds": {}}))
    assert set(result.pop(INTERVALS)) == set(COUNTS)
    kinds = {"addition": {"seen": [2, 2], "unseen": [0, 1]}, "capital": {"seen": [1, 2]}}
    rates = {"exact_match": 0.6, "recall": 0.5, "fit": 1.0, "extrapolation": 0.0, "tradeoff_gap": 0.5}
    assert result == {**rates, "counts": COUNTS, "kinds": kinds, "floors": {"kinds": {}}}


def test_unknown_training_text_leaves_exact_match_alone():
    result = score(CORRECT, **SLICES | {"seen": None})
    assert result["counts"] == {"exact_match": [3, 5]}
    assert [result[rate] for rate in ("recall", "fit", "extrapolation", "tradeoff_gap")] == [None] * 4
    assert result["kinds"] == {"addition": {"all": [2, 3]}, "capital": {"all": [1, 2]}}


@pytest.mark.parametrize("questions", [1, 4, 49, 196, 250])
def test_intervals_are_scipys(questions):
    for right in (0, 1, questions // 3, questions - 1, questions):
        verdicts = [number < right for number in range(questions)]
        interval = score(verdicts, ["k"] * questions, ["rule"] * questions, None)[INTERVALS]["exact_match"]
        expected = binomtest(right, questions).proportion_ci(method="wilson")
        assert interval == [expected.low, expected.high]
    if questions == 4:
        assert interval == pytest.approx([0.51, 1.0], abs=0.001)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ability": ["rule", "rule", "skill", "fact", "fact"]}, "'rule' or 'fact', but 'skill' came"),
        ({"seen": [True, None, False, True, None]}, "None for 2 of 5 questions"),
        ({"seen": [True, 1, False, True, True]}, r"`seen` must hold True, False or None, but 1 \(int\) came"),
        ({"kind": ["addition"]}, "`kind` is of length 1 but `(correct|references)` of length 5"),
        ({"kind": "addition"}, "`kind` must be a flat list with one entry a question, but a str"),
        ({"kind": ["addition", 2, "addition", "capital", "capital"]}, r"`kind` must hold strings, but 2 \(int\)"),
    ],
)
def test_a_wrong_column_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        score(CORRECT, **SLICES | changes)
    with pytest.raises(ValueError, match=message):
        floors(None, COLUMNS["references"], **SLICES | changes)


def test_verdicts_must_be_booleans():
    with pytest.raises(ValueError, match=r"`correct` must hold True or False, but 1 \(int\)"):
        score([1], ["k"], ["rule"], [True])


def test_score_is_quick_enough_for_every_evaluation():
    questions = study_questions()
    columns = [questions[name] for name in ("seen", "kind", "ability", "seen")]
    assert min(timeit.repeat(lambda: score(*columns), number=1, repeat=30)) < 0.002


def test_floors_of_the_study_counted_by_hand():
    # Copying the first operand is right in a+0 and a-0: 20 of 196; no constant is right in more than 11.
    # In each kind a constant (9 = a+b, 0 = a-a) does as well as the copy, 10 of 98, and goes before it.
    kinds = {kind: {"seen": 10 / 98, "unseen": 0.0} for kind in ("addition", "subtraction")}
    assert floors(**study_questions()) == {"fit": 20 / 196, "extrapolation": 0.0, "kinds": kinds}


def test_the_constant_comes_from_seen_questions_even_if_withheld_ones_share_another():
    references = ["3", "3", "4", "12", "12", "12"]
    result = floors(None, references, ["addition"] * 6, ["rule"] * 6, [True] * 3 + [False] * 3)
    assert (result["fit"], result["extrapolation"]) == (2 / 3, 0.0)


def test_a_word_counted_from_the_back_can_be_copied():
    prompts = ["Sum of 7 is ", "The sum of the number 9 is ", "Of 4 is "]
    columns = {"references": ["7", "9", "4"], "kind": ["k"] * 3, "ability": ["rule"] * 3, "seen": [True, True, False]}
    assert floors(prompts, **columns)["extrapolation"] == 1.0
    assert floors(None, **columns)["extrapolation"] == 0.0


def test_no_floor_where_nothing_of_the_ability_was_seen():
    result = floors(None, ["1", "2", "Oslo"], ["sum", "sum", "city"], ["rule", "rule", "fact"], [False, False, True])
    assert result == {"recall": 1.0, "kinds": {"city": {"seen": 1.0}}}


def slow_floor(practice: list[dict], shown: list[dict]) -> float:
    """The second path to a floor: every habit in its rank, question by question."""

    def is_right(habit, question):
        if isinstance(habit, str):
            return habit == question["reference"]
        words = re.findall(r"\w+", question["prompt"])
        return habit in range(-len(words), len(words)) and words[habit] == question["reference"]

    habits = [*sorted(question["reference"] for question in practice), *range(9), *range(-1, -9, -1)]
    best = max(habits, key=lambda habit: sum(is_right(habit, question) for question in practice))
    return sum(is_right(best, question) for question in shown) / len(shown)


@pytest.mark.parametrize("seed", range(20))
def test_score_and_floors_agree_with_loops_on_random_questions(seed):
    draw = random.Random(seed)
    questions = [
        {
            "correct": draw.random() < 0.7,
            "kind": (kind := draw.choice(["sum", "difference", "capital"])),
            "ability": "fact" if kind == "capital" else "rule",
            "seen": draw.random() < 0.6,
            "reference": draw.choice("1234"),
            "prompt": " ".join(draw.choices("1234x", k=draw.randint(0, 4))),
        }
        for _ in range(draw.choice([1, 3, 10, 60]))
    ]
    columns = {name: [question[name] for question in questions] for name in questions[0]}
    slices = {name: columns[name] for name in SLICES}
    result = score(columns["correct"], **slices, floors=floors(columns["prompt"], columns["reference"], **slices))

    sets = [("recall", "ability", "fact", True), ("fit", "ability", "rule", True)]
    sets += [("extrapolation", "ability", "rule", False)]
    sets += [("seen", "kind", kind, True) for kind in columns["kind"]]
    sets += [("unseen", "kind", kind, False) for kind in columns["kind"]]
    for label, column, value, seen in sets:
        same = [question for question in questions if question[column] == value]
        shown = [question for question in same if question["seen"] == seen]
        practice = [question for question in same if question["seen"]]
        counts, found_floors = result["counts"], result["floors"]
        if column == "kind":
            counts, found_floors = result["kinds"][value], found_floors["kinds"].get(value, {})
        num_right = sum(question["correct"] for question in shown)
        assert counts.get(label) == ([num_right, len(shown)] if shown else None)
        assert found_floors.get(label) == (slow_floor(practice, shown) if shown and practice else None)
        if column == "ability":
            assert result[label] == (num_right / len(shown) if shown else None)


@pytest.fixture(scope="module")
def metric(tmp_path_factory):
    cache = tmp_path_factory.mktemp("evaluate")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_HOME", str(cache))  # heeded unless another test has imported the library before
        environment.setenv("HF_HUB_OFFLINE", "1")
        import evaluate

        yield evaluate.load(str(FOLDER), cache_dir=str(cache))


def test_the_metric_computes_what_score_computes_and_can_be_used_again(metric):
    expected = score(CORRECT, **SLICES, floors=floors(None, COLUMNS["references"], **SLICES))
    for container in (list, tuple, np.array):
        assert metric.compute(**{name: container(values) for name, values in COLUMNS.items()}) == expected
    for seen in (None, [None] * 5):
        expected = score(CORRECT, **SLICES | {"seen": None}, floors={"kinds": {}})
        assert metric.compute(**COLUMNS | {"seen": seen}) == expected


def test_questions_can_be_added_one_by_one_and_in_batches(metric):
    prompts = ["5+3=", "6+0=", "5+7=", "Capital of France is ", "Capital of Norway is "]
    expected = metric.compute(**COLUMNS, prompts=prompts)
    metric.add(prediction="8", reference="8", kind="addition", ability="rule", seen=True)
    metric.add_batch(**{name: values[1:] for name, values in COLUMNS.items()})
    assert metric.compute(prompts=prompts) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"references": ["8", "6", "12", "Paris"]}, "`references` is of length 4 but `predictions` of length 5"),
        ({"references": ["8", "6", 12, "Paris", "Oslo"]}, r"`references` must hold strings, but 12 \(int\)"),
        ({"predictions": [None, "6", "12", "Paris", "Oslo"]}, "`predictions` must hold strings, but None"),
        ({"seen": ["yes", "yes", "no", "yes", "yes"]}, "`seen` must hold True, False or None, but 'yes'"),
        ({"ability": ["skill"] * 5}, "'rule' or 'fact', but 'skill' came"),
        ({"prompts": ["5+3="]}, "`prompts` is of length 1 but `references` of length 5"),
        ({name: [] for name in COLUMNS}, "no question to score"),
    ],
)
def test_a_mistake_is_named_and_leaves_nothing_behind(metric, changes, message):
    with pytest.raises(ValueError, match=message):
        metric.compute(**COLUMNS | changes)
    assert metric.compute(**COLUMNS)["counts"] == COUNTS


def test_missing_inputs_are_named(metric):
    with pytest.raises(ValueError, match=r"Inputs are missing: \['ability', 'seen'\]"):
        metric.add(prediction="8", reference="8", kind="addition")


def test_the_docstring_examples_are_true(metric, monkeypatch):
    import evaluate

    monkeypatch.chdir(ROOT)
    test = doctest.DocTestParser().get_doctest(metric.inputs_description, {"evaluate": evaluate}, "metric", None, 0)
    assert doctest.DocTestRunner().run(test) == doctest.TestResults(failed=0, attempted=8)


def test_the_card_shows_what_the_call_above_it_returns(metric):
    call, shown = re.findall(r"```python\n(.*?)```", (FOLDER / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    namespace = {"metric": metric}
    exec(call[call.index("result =") :], namespace)
    result = namespace["result"]
    result[INTERVALS] = {rate: [round(end, 2) for end in ends] for rate, ends in result[INTERVALS].items()}
    assert ast.literal_eval(shown) == result


def run_python(code: str, folder: Path) -> str:
    """Runs the code in a fresh process that starts in the given folder and keeps its caches there."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HOME": str(folder / "hf_home"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_scoring_imports_neither_evaluate_nor_datasets(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from hf_capacity.metrics.capacity_tradeoff.scoring import floors, score
score([True], ["k"], ["rule"], [True], floors=floors(None, ["1"], ["k"], ["rule"], [True]))
print({{"evaluate", "datasets", "torch", "transformers"}} & set(sys.modules))
"""
    assert run_python(code, tmp_path) == "set()\n"


def test_the_folder_is_a_space_that_asks_for_all_it_imports():
    front = yaml.safe_load((FOLDER / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert {"title", "emoji", "colorFrom", "colorTo", "sdk_version", "pinned", "description"} < set(front)
    assert (front["sdk"], front["license"]) == ("gradio", "apache-2.0")
    assert {"evaluate", "metric"} <= set(front["tags"])
    assert (FOLDER / front["app_file"]).is_file()
    source = "".join(script.read_text(encoding="utf-8") for script in FOLDER.glob("*.py"))
    import_line = r"^ *(?:import (?=[\w.]+(?: as \w+)?$)|from (?=[\w.]+ import ))(\w+)"
    imported = set(re.findall(import_line, source, re.MULTILINE)) - set(sys.stdlib_module_names)
    required = set(re.findall(r"^\w+", (FOLDER / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE))
    assert imported == required | {"gradio"}  # which the Space installs by its `sdk`
