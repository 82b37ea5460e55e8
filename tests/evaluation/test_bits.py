"""Memorised bits, against hand counts: nothing of a uniform model, everything of a perfect one, never more."""

import math
from types import SimpleNamespace

import pytest
import torch

from hf_capacity.evaluation.bits import BitsMeter, describe_bits, has_converged, memorised_bits
from hf_capacity.evaluation.exact_match import nll


VOCABULARY = {character: index for index, character in enumerate("\n=:abcdefgh")}
STRINGS = ["abcd", "aaaa", "hgfe"]


def encode(text):
    return [VOCABULARY[character] for character in text]


class Model(torch.nn.Module):
    """Gives each token of given texts so many nats more than every other."""

    def __init__(self, texts, confidence):
        super().__init__()
        self.follows, self.confidence = {}, confidence
        for text in texts:
            ids = encode("\n" + text)
            for place in range(1, len(ids)):
                self.follows[tuple(ids[:place])] = ids[place]

    def forward(self, input_ids):
        logits = torch.zeros(*input_ids.shape, len(VOCABULARY))
        for row, ids in enumerate(input_ids.tolist()):
            for place in range(len(ids)):
                following = self.follows.get(tuple(ids[: place + 1]))
                if following is not None:
                    logits[row, place, following] = self.confidence
        return SimpleNamespace(logits=logits)


def strings_meter(strings=STRINGS):
    number, bits = len(strings), len(strings) * 4 * math.log2(len(VOCABULARY))
    demand = SimpleNamespace(bits=bits, num_items=number, num_scored_tokens=4 * number, scored="text", kinds=("s",))
    lines = {"text": [f"{string}\n" for string in strings], "kind": ["s"] * number}
    lines |= {"prompt": [string[:3] for string in strings], "answer": [string[3:] for string in strings]}
    lines["end"] = ["\n"] * number
    return BitsMeter(demand, lines, encode, block_size=8)


def test_a_uniform_model_has_memorised_nothing():
    bits = strings_meter()(lambda *scored: nll(Model([], 0.0), *scored))
    assert bits["raw"] == pytest.approx(0, abs=1e-4)
    assert bits["demanded"] == pytest.approx(12 * math.log2(11))
    assert bits["first_symbols"] == pytest.approx(3 * math.log2(11), rel=1e-5)


def test_a_perfect_model_has_memorised_the_demand():
    bits = strings_meter(["hgfe"])(lambda *scored: nll(Model(["hgfe\n"], 50.0), *scored))
    assert bits["raw"] == pytest.approx(4 * math.log2(11), rel=1e-4)
    assert bits["memorised"] == pytest.approx(bits["raw"])
    # Where it has no idea with which letter a string begins, it has memorised the three others.
    two = Model(["hgfe\n", "abcd\n"], 50.0)
    two.follows.pop(tuple(encode("\n")))
    bits = strings_meter(["hgfe", "abcd"])(lambda *scored: nll(two, *scored))
    assert bits["raw"] == pytest.approx(2 * 3 * math.log2(11), rel=1e-4)
    assert bits["first_symbols"] == pytest.approx(2 * math.log2(11), rel=1e-4)


def test_a_model_that_is_sure_and_wrong_has_less_than_nothing():
    bits = strings_meter()(lambda *scored: nll(Model(["bbbb\n"], 5.0), *scored))
    assert bits["raw"] < -1
    assert bits["memorised"] == 0


def test_facts_are_scored_at_their_values_alone():
    texts = ["a:bc=\n", "d:ef=\n", "a:bc=\n"]  # the first one comes again
    lines = {"text": texts, "prompt": [t[:2] for t in texts], "answer": [t[2:4] for t in texts]}
    lines |= {"end": ["=\n"] * 3, "kind": ["f"] * 3}
    values = [("text", "h\n"), ("prompt", "h"), ("answer", "x"), ("end", "\n")]
    other = {name: [*lines[name], value] for name, value in values}
    demand = SimpleNamespace(
        bits=2 * 3.0, num_items=2, num_scored_tokens=4, scored="answer", kinds=("f",), estimator="e", source="s"
    )
    meter = BitsMeter(demand, other | {"kind": ["f", "f", "f", "capital"]}, encode, block_size=8)
    total, num_scored = nll(Model([], 0.0), meter.rows_WT, meter.scored_WT)
    assert num_scored == 4
    assert total == pytest.approx(4 * math.log(11), rel=1e-5)
    [row, _] = meter.rows_WT.tolist()
    assert [token for token, scored in zip(row[1:], meter.scored_WT[0], strict=True) if scored] == encode("bc")


def test_answers_of_different_lengths_are_scored_with_their_end_marks():
    texts = ["a=b:\n", "c=bd:\n"]
    lines = {"text": texts, "prompt": ["a=", "c="], "answer": ["b", "bd"], "end": [":", ":"], "kind": ["f", "f"]}
    demand = SimpleNamespace(bits=1.0, num_items=2, num_scored_tokens=5, scored="answer and end", kinds=("f",))
    meter = BitsMeter(demand, lines, encode, block_size=8)
    scored = [row[1:][is_scored] for row, is_scored in zip(meter.rows_WT, meter.scored_WT, strict=True)]
    assert [ids.tolist() for ids in scored] == [encode("b:"), encode("bd:")]
    # One of two orders: a model that gives "b" to both and cannot say which ends there has memorised none of it.
    unsure = Model(texts, 50.0)
    knows = unsure.forward

    def forward(input_ids):
        logits = knows(input_ids).logits
        logits[:, 3] = 0.0  # behind "b"
        logits[:, 3, encode(":")[0]] = logits[:, 3, encode("d")[0]] = 50.0
        return SimpleNamespace(logits=logits)

    unsure.forward = forward
    assert meter(lambda *given: nll(unsure, *given))["raw"] == pytest.approx(1.0 - 2.0, abs=1e-4)
    assert meter(lambda *given: nll(Model(texts, 50.0), *given))["raw"] == pytest.approx(1.0, abs=1e-4)


def test_what_cannot_be_is_refused():
    with pytest.raises(FloatingPointError, match="is nan: nothing can be said"):
        memorised_bits(10.0, math.nan, 4, 4)
    with pytest.raises(ValueError, match="4 tokens were scored, and the demand counts 5"):
        memorised_bits(10.0, 1.0, 4, 5)
    with pytest.raises(ValueError, match="more than there are"):
        memorised_bits(10.0, -1.0, 4, 4)
    with pytest.raises(ValueError, match=r"`block_size` \(=4\) must be at least .* longest line \(=5\)"):
        BitsMeter(
            SimpleNamespace(num_items=1, scored="text", kinds=("s",)),
            {"text": ["abcd\n"], "prompt": ["abc"], "answer": ["d"], "end": ["\n"], "kind": ["s"]},
            encode,
            block_size=4,
        )


@pytest.mark.parametrize(
    ("losses", "converged"),
    [
        ([1.0] * 40, True),
        ([*([5.0] * 36), 1.0, 0.999, 0.998, 0.997], True),
        ([*([5.0] * 36), 1.0, 0.9, 0.8, 0.7], False),
        ([*([5.0] * 36), 1.0, 1.1, 1.2, 1.3], False),
        ([1.0] * 10, None),  # one evaluation is no tenth of a curve to go by
    ],
)
def test_convergence_is_read_off_the_last_tenth(losses, converged):
    assert has_converged(losses) is converged


def test_what_a_record_tells():
    demand = SimpleNamespace(estimator="random strings", source="Morris", num_items=3)
    told = describe_bits(demand, memorised_bits(100.0, 10.0, 4, 4), [1.0] * 40, num_parameters=50, exposures=7.0)
    assert told["per_parameter"] == pytest.approx((100 - 10 / math.log(2)) / 50)
    assert (told["items"], told["exposures_per_item"], told["converged"]) == (3, 7.0, True)
