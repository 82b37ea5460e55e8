"""The tasks: what they hold, counted by hand; no cache serves yesterday's rows; each mistake has its message."""

import json

import datasets
import pytest
from support.package_copies import PACKAGE, copy_package, output_of, start_python

from dataset_builders import FEATURES, TASKS, load_task
from dataset_builders.arithmetic.builder import Arithmetic, ArithmeticConfig
from dataset_builders.building import questions
from dataset_builders.building.cards import dataset_card


FOLDERS = sorted({builder.folder().name for builder in TASKS.values()})
CONFIGS = [(task, config.name) for task, builder in TASKS.items() for config in builder.BUILDER_CONFIGS]
COMMITTED = [(task, config) for task, config in CONFIGS if (TASKS[task].folder() / "data" / config).exists()]
EVERY_PAIR = [[a, b] for a in range(10) for b in range(a, 10)]
each_task = pytest.mark.parametrize("task", TASKS)
each_config = pytest.mark.parametrize(("task", "config"), CONFIGS)


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


def refuses(message, *arguments, **parameters):
    with pytest.raises(ValueError, match=message):
        load_task(*arguments, **parameters)


# Every task


@each_config
def test_splits_have_the_same_typed_columns(task, config):
    splits = load_task(task, config)
    assert isinstance(splits, datasets.DatasetDict)
    assert list(splits) == ["train", "questions"]
    strings = {name: datasets.Value("string") for name in ["text", "prompt", "answer", "end", "kind", "ability"]}
    for rows in splits.values():
        assert rows.features == {**strings, "seen": datasets.Value("bool")}


@each_config
def test_what_counts_as_seen_is_what_is_read(task, config):
    splits = load_task(task, config)
    asked, read = splits["questions"].to_list(), splits["train"].to_list()
    lines = {line["prompt"]: line for line in read}
    texts = {line["text"] for line in read}
    assert all(line["seen"] for line in read)
    assert all(lines.get(question["prompt"], question) == question for question in asked)
    assert all((question["text"] in texts) == question["seen"] for question in asked)
    assert len({question["prompt"] for question in asked}) == len(asked)
    assert {question["ability"] for question in asked} <= {"rule", "fact"}
    assert all(question["answer"] + question["end"] in question["text"] for question in asked)
    assert all(question["text"].index("\n") == len(question["text"]) - 1 for question in asked)


@pytest.mark.parametrize("task", ["arithmetic", "capitals", "both"])
def test_split_seed_only_orders_the_lines(task):
    first, second = load_task(task, split_seed=1), load_task(task, split_seed=2)
    assert first["questions"].to_list() == second["questions"].to_list()
    assert sorted(first["train"]["text"]) == sorted(second["train"]["text"])
    assert (first["train"].to_list() == second["train"].to_list()) == (task == "capitals")


@each_task
def test_loading_is_quiet_and_leaves_the_cache_alone(task, cache, capfd):
    disabled = datasets.utils.are_progress_bars_disabled()
    load_task(task)
    assert capfd.readouterr() == ("", "")
    assert not cache.exists()
    assert datasets.utils.are_progress_bars_disabled() == disabled


def test_two_processes_at_once_build_what_this_one_builds():
    script = (
        "import json; from dataset_builders import TASKS, load_task; "
        "print(json.dumps([load_task(task, config, split_seed=5)['train']['text'][:] for task, config in CONFIGS]))"
    ).replace("CONFIGS", repr(CONFIGS))
    processes = [start_python("-c", script), start_python("-c", script)]
    expected = [load_task(task, config, split_seed=5)["train"]["text"][:] for task, config in CONFIGS]
    assert [json.loads(output_of(process)) for process in processes] == [expected, expected]


@each_task
def test_a_task_introduces_itself_by_what_it_asks(task, monkeypatch):
    builder = TASKS[task]
    assert builder.title
    assert builder.example in load_task(task)["questions"]["prompt"][:]
    card = (builder.folder() / "README.md").read_text(encoding="utf-8")
    assert card.count(f"\n# {builder.title}\n") == card.count(f"\nLicence: {builder.license}.\n") == 1
    monkeypatch.setattr(builder, "example", "<5+7")
    with pytest.raises(ValueError, match=rf"`example` \(='<5\+7'\) of {builder.__name__} is no prompt of its config"):
        dataset_card(builder, "here")


# Each task, counted by hand


@pytest.mark.parametrize(
    ("task", "num_questions", "num_lines", "num_characters", "num_distinct"),
    [("arithmetic", 200, 196, 1764, 17), ("capitals", 50, 50, 1547, 51), ("both", 250, 246, 3311, 66)],
)
def test_sizes_are_those_of_the_study(task, num_questions, num_lines, num_characters, num_distinct):
    splits = load_task(task, "paper")
    text = "".join(splits["train"]["text"])
    assert (len(splits["questions"]), len(splits["train"])) == (num_questions, num_lines)
    assert (len(text), len(set(text))) == (num_characters, num_distinct)


def test_arithmetic_is_right_and_in_order():
    splits = load_task("arithmetic", "paper")
    asked = splits["questions"].to_list()
    assert [q["prompt"] for q in asked] == [f"<{a}{sign}{b}=" for a in range(10) for b in range(10) for sign in "+-"]
    for question in asked:
        prompt, answer = question["prompt"], question["answer"]
        assert answer == str(eval(prompt[1:-1]))
        assert question["text"] == (prompt + answer + ">   ")[:8] + "\n"
        assert question["kind"] == {"+": "addition", "-": "subtraction"}[prompt[2]]
        assert (question["end"], question["ability"]) == (">", "rule")
    withheld = {question["prompt"] for question in asked if not question["seen"]}
    assert withheld == {"<5+7=", "<7+5=", "<5-7=", "<7-5="}
    assert not withheld & {text[:5] for text in splits["train"]["text"]}
    # The order that split_seed 1337 draws: a trained model depends on it, so that it may not change unnoticed.
    assert splits["train"]["prompt"][:6] == ["<4+8=", "<9-4=", "<2+4=", "<7-4=", "<0-3=", "<6+1="]


@pytest.mark.parametrize("task", ["arithmetic", "mixture"])
@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([[3, 2]], {"<2+3=", "<3+2=", "<2-3=", "<3-2="}),
        (((4, 4),), {"<4+4=", "<4-4="}),
        ([(0, 9), [1, 1]], {"<0+9=", "<9+0=", "<0-9=", "<9-0=", "<1+1=", "<1-1="}),
    ],
)
def test_other_pairs_can_be_withheld(task, pairs, expected):
    splits = load_task(task, withheld_pairs=pairs)
    assert {question["prompt"] for question in splits["questions"] if not question["seen"]} == expected
    assert len(splits["train"]) == len(splits["questions"]) - len(expected)


def test_capitals_are_asked_as_in_the_study_or_consistently():
    paper, consistent = load_task("capitals", "paper"), load_task("capitals", "consistent")
    lengths = [len(text.removesuffix("\n")) for text in paper["train"]["text"]]
    assert (min(lengths), max(lengths)) == (25, 40)
    assert paper["train"]["text"][:] == paper["questions"]["text"][:] == consistent["questions"]["text"][:]
    for question in consistent["questions"]:
        assert question["prompt"] + question["answer"] + question["end"] == question["text"]
        assert (question["end"], question["kind"], question["ability"]) == (" \n", "capital", "fact")
    assert consistent["questions"][0]["text"] == "Capital of France is Paris \n"
    prompts = zip(paper["questions"]["prompt"], consistent["questions"]["prompt"], strict=True)
    assert [pair for pair in prompts if pair[0] != pair[1]] == [
        ("Capital of USA is ", "Capital of the USA is "),
        ("Capital of UK is ", "Capital of the UK is "),
    ]


def test_mixture_is_arithmetic_then_capitals():
    given = {"split_seed": 3, "withheld_pairs": [[1, 2]]}
    mixture, rules, facts = load_task("both", **given), load_task("arithmetic", **given), load_task("capitals")
    for split in ["train", "questions"]:
        assert mixture[split].to_list() == rules[split].to_list() + facts[split].to_list()


# The committed files, and the caches


@pytest.mark.parametrize(("task", "config"), COMMITTED)
def test_a_clone_loads_what_the_builder_builds(task, config, cache, monkeypatch):
    monkeypatch.chdir(PACKAGE.parent)
    folder = f"dataset_builders/{TASKS[task].folder().name}"
    built, loaded = load_task(task, config), datasets.load_dataset(folder, config, cache_dir=cache)
    for rows in [loaded, load_task(folder, config)]:
        assert {split: rows[split].to_list() for split in rows} == {split: built[split].to_list() for split in built}
        assert rows["train"].features == FEATURES


@pytest.mark.parametrize("task", FOLDERS)
def test_the_card_lists_the_configs_that_have_files(task):
    configs = [config for folder, config in COMMITTED if folder == task]
    assert datasets.get_dataset_config_names(str(PACKAGE / task)) == configs
    assert datasets.get_dataset_default_config_name(str(PACKAGE / task)) == configs[0]
    for config in {config for folder, config in CONFIGS if folder == task} - set(configs):
        assert f"| `{config}` " in (PACKAGE / task / "README.md").read_text(encoding="utf-8")
    assert load_task(task).data == load_task(task, configs[0]).data


def test_changed_source_and_changed_files_are_seen(tmp_path, cache):
    copy = copy_package(tmp_path)
    build = (
        "import datasets; from dataset_builders.capitals.builder import Capitals; datasets.disable_progress_bars(); "
        f"builder = Capitals({str(cache)!r}); builder.download_and_prepare(); "
        "print(builder.as_dataset('questions')[0]['answer'])"
    )
    write = "from dataset_builders.__main__ import TASKS, write_data_files; write_data_files(TASKS['capitals'])"
    for capital in ["Paris", "Lyons"]:
        source = copy / "capitals" / "builder.py"
        source.write_text(source.read_text(encoding="utf-8").replace('"Paris"', f'"{capital}"'))
        output_of(start_python("-c", write, folder=tmp_path))
        assert output_of(start_python("-c", build, folder=tmp_path)) == capital
        assert datasets.load_dataset(str(copy / "capitals"), cache_dir=cache)["questions"][0]["answer"] == capital


@each_task
def test_hash_and_fingerprint_follow_the_source(task, cache, monkeypatch):
    def keys():
        return TASKS[task](cache).hash, TASKS[task](cache).cache_dir, load_task(task)["questions"]._fingerprint

    before = keys()
    assert keys() == before
    monkeypatch.setattr(questions, "SOURCE_DIGEST", "of another source")
    assert not set(keys()) & set(before)


def test_cache_follows_listed_configs_and_overrides(cache):
    class Edited(Arithmetic):
        BUILDER_CONFIGS = (ArithmeticConfig(name="paper", withheld_pairs=((1, 2),)),)

    builders = [Arithmetic(cache), Edited(cache, dataset_name="arithmetic"), Arithmetic(cache, split_seed=2)]
    assert len({builder.cache_dir for builder in builders}) == 3


# Mistakes


@each_task
def test_wrong_names_and_seeds_are_refused(task):
    configs = ", ".join(repr(config.name) for config in TASKS[task].BUILDER_CONFIGS)
    refuses(f"The task '{task}' has no config 'papr'; choose one of {configs}.", task, "papr")
    for unknown in ["withhold", "data_dir", "hash"]:
        refuses(f"The task '{task}' has no parameter '{unknown}'; it takes 'split_seed'", task, **{unknown: "x"})
    for split_seed in ["1337", 1.5, True]:
        refuses(f"`split_seed` must be an integer, such as 1337; got {split_seed!r}", task, split_seed=split_seed)
    refuses(f"`split_seed` of the task '{task}' is None; give it a value or leave it out", task, split_seed=None)


@pytest.mark.parametrize("task", ["arithmetic", "mixture"])
@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "`withheld_pairs` must name 1 to 54 of the 55 pairs, .*; got 0."),
        (EVERY_PAIR, "`withheld_pairs` must name 1 to 54 of the 55 pairs, .*; got 55."),
        ([[5, 10]], r"pairs of operands from 0 to 9, such as \[\[0, 1\]\]; got \[\[5, 10\]\]"),
        *[
            (pairs, "pairs of operands")
            for pairs in ([[-1, 3]], [[5, 7, 9]], [[5, "7"]], [[5, True]], [5, 7], ["57"], 57)
        ],
        ([[5, 7], [7, 5]], r"must name a pair once, .*; got \[\[5, 7\], \[7, 5\]\]. Drop the repeats."),
        (None, "`withheld_pairs` of the task '.*' is None; give it a value or leave it out"),
    ],
)
def test_impossible_pairs_are_refused(task, pairs, message):
    refuses(message, task, withheld_pairs=pairs)


def test_the_extremes_are_possible():
    assert len(load_task("arithmetic", withheld_pairs=EVERY_PAIR[1:])["train"]) == 2
    refuses(
        "The task 'capitals' has no parameter 'withheld_pairs'; it takes 'split_seed'.", "capitals", withheld_pairs=[]
    )
