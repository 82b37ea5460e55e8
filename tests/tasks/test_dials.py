"""Impossible dials are refused before anything is trained; and a million lines take seconds."""

import time

import pytest

from dataset_builders import load_task


UNLISTED = {"digits": 5, "num_lines": 100, "num_questions": 10}


@pytest.fixture(autouse=True)
def _own_cache(cache):
    """Every test has its own."""


@pytest.mark.parametrize(
    ("arguments", "parameters", "message"),
    [
        # How numbers are written
        *[(["arithmetic"], {"digits": n}, "`digits` must be a whole number from 1 to 10;") for n in (0, 11, "2", 1.0)],
        (["arithmetic"], {"digits": 10, "operations": ["*"]}, "from 1 to 9, where operands are multiplied; got 10"),
        *[
            (["arithmetic"], {"operations": signs}, r"`operations` must list some of \+, -, \*, /, each once, such as")
            for signs in ([], "+-", ["+", "+"], ["^"], [["+"]], [1], 3)
        ],
        (["arithmetic"], {"notation": "roman"}, "`notation` must be one of digits, symbols; got 'roman'"),
        (["arithmetic"], {"zero_padded": 1}, "`zero_padded` must be true or false; got 1"),
        (["arithmetic"], {"reversed_operands": 1}, "`reversed_operands` must be true or false; got 1"),
        (["arithmetic"], {"reversed_answer": "yes"}, "`reversed_answer` must be true or false; got 'yes'"),
        # Residues
        (["arithmetic"], {"operations": ["/"]}, "'/', which has an answer mod a prime only: give a `modulus`"),
        (["arithmetic", "mod_division"], {"modulus": 96}, r"`modulus` \(=96\) must be prime for the operation"),
        (["arithmetic", "mod_division"], {"modulus": 9409}, r"`modulus` \(=9409\) must be prime"),
        (["arithmetic"], {"modulus": 1}, "`modulus` must be a whole number from 2 to 10,000,000,000; got 1"),
        (
            ["arithmetic", "mod_division"],
            {"modulus": 10**9 + 7, "notation": "digits"},
            "from 2 to 1,000,000,000, where operands are multiplied; got 1000000007",
        ),
        (["arithmetic"], {"notation": "symbols"}, "writes a residue as one character: give a `modulus`, such as"),
        (["arithmetic", "mod_division"], {"modulus": 20_011}, "from 2 to 20,000, so many symbols are there"),
        (["arithmetic", "mod_division"], {"digits": 2}, r"`digits` \(=2\) and `modulus` \(=97\) both say how large"),
        *[
            (["arithmetic", "mod_division"], {dial: True}, f"`{dial}` is for the notation 'digits'")
            for dial in ("zero_padded", "reversed_operands", "reversed_answer")
        ],
        # Splits
        (["arithmetic"], {"modulus": 5}, r"must list pairs of operands from 0 to 4, such as .*; got \(\(5, 7\),\)"),
        (["arithmetic", "length"], {"digits": 1}, "'length' withholds nothing that could be asked: withhold more, or"),
        (["arithmetic", "length"], {"longest_in_training": 2}, "from 1 to 1, below the longest there is; got 2"),
        (["arithmetic", "digit"], {"withheld_position": 2}, r"from 0 to 1 \(0 for the units\); got 2"),
        (["arithmetic", "digit"], {"withheld_digit": 10}, "`withheld_digit` must be a whole number from 0 to 9"),
        (["arithmetic", "digit"], {"withheld_digit": 0, "zero_padded": False}, "'digit' withholds nothing that could"),
        (
            ["arithmetic"],
            {"withheld_pairs": [[0, 1], [1, 1]], "operations": ["/"], "modulus": 2},
            "'pairs' withholds everything, so that nothing is left to read: withhold less",
        ),
        (["arithmetic"], {"withheld_pairs": [[0, 0]], "operations": ["/"], "modulus": 5}, "'pairs' withholds nothing"),
        (
            ["arithmetic", "operand"],
            {"withheld_split": "digit", "withheld_position": 0, "modulus": 7, "notation": "symbols"},
            "'digit' goes by the digits of operands, but `notation` is 'symbols': take 'digits', or another split",
        ),
        (["arithmetic", "length"], {"withheld_digit": 3}, r"`withheld_digit` \(=3\) is for the split 'digit', but"),
        # How many are read and asked
        (["arithmetic"], {"num_lines": 0}, "`num_lines` must be a whole number from 1 to 10,000,000; got 0"),
        (["arithmetic"], {"num_lines": 197}, r"`num_lines` \(=197\) exceeds the 196 equations left to read: lower it"),
        (["arithmetic"], {"num_questions": 5}, r"`num_questions` \(=5\) exceeds the 4 equations withheld: lower it"),
        (["arithmetic", "random"], {"digits": 4}, "`num_lines` must be given, such as 10000: there are 200,000,000"),
        (
            ["arithmetic"],
            {"digits": 10, "num_lines": 100, "num_questions": 10},
            "'pairs' is for at most 10,000,000 equations: among 200,000,000,000,000,000,000, a few pairs would not be",
        ),
        (
            ["arithmetic", "random"],
            {"digits": 10, "num_lines": 100},
            "`num_questions` must be given, such as 10000: there are 200,000,000,000,000,000,000 equations",
        ),
        (["arithmetic"], UNLISTED, "'pairs' is for at most 10,000,000 equations: among 20,000,000,000, a few pairs"),
        (["arithmetic", "operand"], {**UNLISTED, "digits": 7, "num_questions": 500}, "found among .* by chance"),
        # Facts
        (["facts"], {"num_keys": 9_150_626}, "from 1 to 9,150,625, so many different names there are; got 9150626"),
        (["facts"], {"num_attributes": 21}, "from 1 to 20, so many attributes have a word; got 21"),
        (["facts"], {"num_values": 1_366_876}, "from 2 to 1,366,875, so many different values there are; got 1366876"),
        (["facts"], {"num_values": 1}, "`num_values` must be a whole number from 2 to"),
        (["facts"], {"num_keys": 9_000_000}, r"`num_keys` x `num_attributes` \(=27,000,000\) facts are more than"),
        (["facts"], {"num_questions": 151}, "`num_questions` must be a whole number from 1 to 150, the number"),
        (["facts"], {"num_drawings": 100_000}, "from 1 to 66,666, 10,000,000 lines in all; got 100000"),
        (["facts"], {"num_drawings": 2, "num_questions": 5}, "leave it or `num_drawings` out"),
        (["facts"], {"num_drawings": 2}, "asks nothing: mix it with one that asks something"),
        *[
            (["facts"], {"zipf": exponent}, "`zipf` must be an exponent above 0, such as 1.0; got")
            for exponent in (0, -1.0, "1", True, float("nan"), float("inf"))
        ],
        (["facts"], {"zipf": 3.3}, r"`zipf` \(=3.3\) gives 150 facts more than 10,000,000 lines in all: lower it"),
        (["facts"], {"zipf": 1e300}, "facts more than 10,000,000 lines in all: lower it, or take fewer facts"),
        (["facts"], {"zipf": 1, "num_keys": 1_000_000}, "3,000,000 facts more than 10,000,000 lines in all"),
        (["facts"], {"zipf": 1.0, "num_drawings": 2}, "`zipf` is for facts that have one value: leave it or"),
        # Two hops
        (["two_hop_facts"], {"num_keys": 1}, "`num_keys` must be a whole number from 2 to 9,150,625, so many"),
        (["two_hop_facts"], {"num_relations": 11}, "from 1 to 10, so many have a word; got 11"),
        (["two_hop_facts"], {"num_attributes": 0}, "from 1 to 20, so many have a word; got 0"),
        (["two_hop_facts"], {"num_values": 2_050_313}, "from 2 to 2,050,312, so many different values there are"),
        (["two_hop_facts"], {"num_keys": 2_000_000}, "people have 16,000,000 facts of one hop and of two, more than"),
        (["two_hop_facts"], {"num_questions": 0}, "`num_questions` must be a whole number from 1 to 10,000,000"),
        *[
            (["two_hop_facts"], {"withheld_fraction": fraction}, "at least one of the 200 compositions and leave one")
            for fraction in (0, 1, 0.001, 0.999, "0.1", True, [0.1])
        ],
        # Copies
        (["copy"], {"num_letters": 27}, "`num_letters` must be a whole number from 2 to 26, so many letters"),
        (["copy"], {"reverse": "yes"}, "`reverse` must be true or false; got 'yes'"),
        (["copy"], {"shortest": 6}, "`shortest` must be a whole number from 1 to 5, the longest; got 6"),
        (["copy"], {"longest": 1001}, "`longest` must be a whole number from 1 to 1,000; got 1001"),
        (["copy"], {"longest": 1000, "num_strings": 200}, "are 199,664 lines of 200,.* characters, of which"),
        (["copy"], {"num_strings": 0}, "`num_strings` must be a whole number from 1 to 10,000,000; got 0"),
        (["copy"], {"withheld_fraction": 0.001}, "at least one of the 364 strings and leave one, such as 0.1;"),
        (["copy"], {"longest_in_training": 4}, r"`withheld_fraction` \(=0.1\) withholds strings by chance, and"),
        (["copy", "length"], {"longest_in_training": 20}, "from 1 to 19, from the shortest on and below the longest;"),
        (["copy"], {"num_questions": 37}, "from 1 to 36, the number of withheld strings; got 37"),
        # Recall
        (["associative_recall"], {"num_pairs": 17}, "from 1 to 16, so many different keys and values are there"),
        (["associative_recall"], {"num_queries": 5}, "`num_queries` must be a whole number from 1 to 4, the"),
        (["associative_recall"], {"num_keys": 20_000}, "are more than the 20,000 symbols that there are: lower one"),
        (["associative_recall"], {"num_values": 0}, "`num_values` must be a whole number from 1 to 20,000, so many"),
        (["associative_recall"], {"num_lines": 0}, "`num_lines` must be a whole number from 1 to 10,000,000; got 0"),
        (
            ["associative_recall"],
            {"num_pairs": 1, "num_withheld": 1, "num_lines": 128},
            r"\(=129 together\) must be at most half of the 256 lines that differ in their pairs: lower them",
        ),
        (["associative_recall"], {"num_lines": 9_000_000}, "would have 225,.* characters, of which 100,000,000 are"),
        # Strings
        (["random_strings"], {"num_symbols": 20_001}, "from 2 to 20,000, so many symbols are there; got 20001"),
        (["random_strings"], {"num_symbols": 1}, "`num_symbols` must be a whole number from 2 to 20,000"),
        (["random_strings"], {"length": 1}, "from 2 to 1,562,500, 100,000,000 symbols in all strings together; got 1"),
        (["random_strings"], {"num_strings": 0}, "`num_strings` must be a whole number from 1 to 10,000,000; got 0"),
        (["random_strings"], {"num_questions": 65}, "from 1 to 64, the number of strings; got 65"),
        (["random_strings"], {"num_symbols": 2, "length": 2}, "Each of the 64 strings begins like one that ends"),
    ],
)  # fmt: skip
def test_impossible_dials_are_refused(arguments, parameters, message):
    with pytest.raises(ValueError, match=message):
        load_task(*arguments, **parameters)


@pytest.mark.slow  # a gigabyte of memory for some seconds
@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        (["arithmetic", "random"], {"digits": 3, "num_lines": 1_000_000, "num_questions": 1_000}),
        (["arithmetic", "reversed_addition"], {"digits": 7, "num_lines": 1_000_000}),
        (["arithmetic", "ten_digit_addition"], {"num_lines": 1_000_000}),
        (["arithmetic", "mod_division"], {"modulus": 1427}),
        (["arithmetic", "plain_addition"], {"digits": 5, "num_lines": 1_000_000, "label_noise": 0.3}),
        (["arithmetic", "plain_addition"], {"digits": 5, "num_lines": 1_000_000, "shuffled_answers": True}),
        (["facts"], {"num_keys": 100_000, "num_attributes": 10, "num_values": 100}),
        (["facts"], {"num_keys": 30_000, "num_attributes": 3, "zipf": 1.0}),
        (["two_hop_facts"], {"num_keys": 140_000, "num_relations": 2, "num_attributes": 2, "num_questions": 1_000}),
        (["copy"], {"num_letters": 26, "shortest": 6, "longest": 12, "num_strings": 160_000}),
        (["associative_recall", "mqar"], {"num_lines": 1_000_000}),
        (["random_strings", "morris_s4"], {"num_strings": 1_000_000}),
        (["random_strings"], {"num_strings": 1_000_000, "length": 64, "num_symbols": 2048}),
        (["mixture"], {"tasks": [{"path": "arithmetic"}, {"path": "facts"}], "tokens": [5_000_000, 10_000_000]}),
    ],
    ids=str,
)
def test_a_million_lines_take_seconds(arguments, parameters):
    start = time.perf_counter()
    splits = load_task(*arguments, **parameters)
    seconds = time.perf_counter() - start
    print(f"\n{' '.join(arguments)} {parameters}: {len(splits['train']):,} lines in {seconds:.1f} s")
    assert len(splits["train"]) >= 1_000_000
    assert seconds < 20
