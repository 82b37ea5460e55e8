"""What models of any tokens write, against one `generate` a prompt, and against the one pass of our own models."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from support.foreign_models import BOS, CONFIGS, EOS, byte_pairs, trained
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from hf_capacity.config.experiment import TaskConfig
from hf_capacity.data.task import Task
from hf_capacity.data.tokenizer import build_tokenizer, encode, reads_characters
from hf_capacity.evaluation.exact_match import predict, verdicts_on_text
from hf_capacity.evaluation.exam import Exam
from hf_capacity.models import generation
from hf_capacity.models.generation import continuations, num_positions


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def foreign(request):
    return trained(request.param)


def prompt_ids(tokenizer, prompt):
    return [BOS, *tokenizer(prompt, add_special_tokens=False).input_ids]


def generated(model, tokenizer, rows, pad="none", mask=None, num_new=20):
    """What `generate` itself makes of rows, as text up to the end."""
    longest = max(map(len, rows))
    fillers = [[EOS] * (longest - len(row)) for row in rows]
    ids = [row + filler if pad == "right" else filler + row for row, filler in zip(rows, fillers, strict=True)]
    ids_RT = torch.tensor(ids)
    mask_RT = torch.ones_like(ids_RT) if mask is None else torch.tensor(mask)
    written = model.generate(ids_RT, attention_mask=mask_RT, do_sample=False, max_new_tokens=num_new, pad_token_id=EOS)
    return [tokenizer.decode(row).partition("</s>")[0] for row in written[:, longest:]]


@pytest.mark.parametrize("foreign", CONFIGS, indirect=True)
def test_prompts_in_one_batch_get_what_each_gets_alone(foreign):
    model, tokenizer, questions = foreign
    prompts = questions["prompt"][::3]
    rows = [prompt_ids(tokenizer, prompt) for prompt in prompts]
    assert len(set(map(len, rows))) > 3
    alone = [generated(model, tokenizer, [row])[0] for row in rows]
    assert continuations(model, tokenizer, prompts, [20] * len(prompts)) == alone
    # The test could tell: padding on the right, and padding that is read, give other texts.
    right_mask = [[1] * len(row) + [0] * (max(map(len, rows)) - len(row)) for row in rows]
    assert generated(model, tokenizer, rows, pad="right", mask=right_mask) != alone
    assert generated(model, tokenizer, rows, pad="left") != alone


def test_the_verdict_is_the_text(foreign):
    model, tokenizer, questions = foreign
    verdicts = verdicts_on_text(questions, partial(continuations, model, tokenizer))
    rows = [prompt_ids(tokenizer, prompt) for prompt in questions["prompt"]]
    right = [
        generated(model, tokenizer, [row])[0].startswith(answer + end)
        for row, answer, end in zip(rows, questions["answer"], questions["end"], strict=True)
    ]
    assert verdicts.correct_Q.tolist() == right
    for kind in ("addition", "capital"):
        of_kind = [is_right for is_right, other in zip(right, questions["kind"], strict=True) if other == kind]
        assert sum(of_kind) > 2, "the model must know some answers"
    assert not all(right)


@pytest.mark.parametrize("task", ["arithmetic", "capitals", "both"])
def test_writing_decides_as_the_one_pass_does(half_trained, task):
    folder = half_trained[task]
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    exam = Exam(Task.load(TaskConfig(path=task), 1337))
    assert reads_characters(tokenizer)
    one_pass = exam.sheet(partial(encode, tokenizer), num_positions(model), "cpu").verdicts(partial(predict, model))
    writing = verdicts_on_text(exam.questions, partial(continuations, model, tokenizer))
    assert writing.correct_Q.tolist() == one_pass.correct_Q.tolist()
    assert writing.papers_Q.tolist() == one_pass.papers_Q.tolist()
    assert 0 < sum(writing.correct_Q) < len(writing.correct_Q)
    is_slid = max(map(len, exam.questions["prompt"])) > num_positions(model)
    assert is_slid == (task != "arithmetic"), "prompts beyond the block are to be among them"


def test_batches_are_bounded_and_their_bound_changes_nothing(foreign, monkeypatch):
    model, tokenizer, questions = foreign
    prompts = questions["prompt"]
    whole = continuations(model, tokenizer, prompts, [20] * len(prompts))
    sizes = []
    generate = type(model).generate

    def watched(self, *args, **kwargs):
        sizes.append(kwargs["input_ids"].shape[0] * (kwargs["input_ids"].shape[1] + 20))
        return generate(self, *args, **kwargs)

    monkeypatch.setattr(type(model), "generate", watched)
    monkeypatch.setattr(generation, "TOKENS_A_BATCH", 200)
    assert continuations(model, tokenizer, prompts, [20] * len(prompts)) == whole
    assert len(sizes) > 10
    assert max(sizes) <= 200


def test_a_prompt_beyond_the_positions_is_cropped_from_the_left(foreign):
    model, tokenizer, _ = foreign
    prompts = ["<1+2=3>\n" * 20 + "<4+4=", "<4+4="]
    long, short = (prompt_ids(tokenizer, prompt) for prompt in prompts)
    assert len(long) > num_positions(model)
    new = []
    for _ in range(5):
        context = (long + new)[-num_positions(model) :]
        with torch.no_grad():
            new.append(int(model(torch.tensor([context])).logits[0, -1].argmax()))
    alone = [tokenizer.decode(new).partition("</s>")[0], *generated(model, tokenizer, [short], num_new=5)]
    assert continuations(model, tokenizer, prompts, [5, 5]) == alone


def test_what_stops_a_text_ends_it(foreign):
    model, tokenizer, questions = foreign
    prompts = questions["prompt"][-2:]
    whole = continuations(model, tokenizer, prompts, [20, 20])
    stopped = continuations(model, tokenizer, prompts[:1], [20], stop=whole[0][0])[0]
    assert whole[0].startswith(stopped)
    assert 0 < len(stopped) < len(whole[0])
    both = continuations(model, tokenizer, prompts, [20, 20], stop=whole[0][0])
    assert all(text.startswith(start) for text, start in zip(both, (stopped, whole[1]), strict=True))


class Scripted:
    """A model that writes given tokens, whatever it reads."""

    _is_stateful, device = False, "cpu"

    def __init__(self, new, ends=None, vocab_size=1000):
        self.new, self.read = new, []
        self.config = SimpleNamespace(get_text_config=lambda: SimpleNamespace())
        self.generation_config = SimpleNamespace(eos_token_id=ends)
        self.get_input_embeddings = lambda: SimpleNamespace(weight=torch.zeros(vocab_size, 1))

    def generate(self, input_ids, attention_mask, **kwargs):
        self.read += [row[mask.bool()].tolist() for row, mask in zip(input_ids, attention_mask, strict=True)]
        return torch.cat([input_ids, torch.tensor([self.new] * len(input_ids))], dim=1)


def text_of(tokenizer, prompt, new, **options):
    return continuations(Scripted(new, **options), tokenizer, [prompt], [len(new)])[0]


def test_a_prompt_keeps_what_is_put_in_front_and_loses_what_is_appended():
    tokenizer = byte_pairs("<1+2=3>\n")
    assert tokenizer("<1+2=").input_ids[-1] == EOS
    model = Scripted([EOS], ends=EOS)
    assert continuations(model, tokenizer, ["<1+2="], [1]) == [""]
    assert model.read == [prompt_ids(tokenizer, "<1+2=")]


def test_only_the_token_that_ends_a_text_is_left_out_of_it():
    tokenizer = byte_pairs("<1+2=3>\n")
    three, close, newline = (tokenizer(text, add_special_tokens=False).input_ids[0] for text in "3>\n")
    assert text_of(tokenizer, "<1+2=", [three, close, EOS, three]) == "3>"
    assert text_of(tokenizer, "<1+2=", [three, BOS, close]) == "3<s>>"
    assert text_of(tokenizer, "<1+2=", [three, close, newline, three], ends=[newline, 5]) == "3>\n"
    assert text_of(tokenizer, "<1+2=", [three, close, newline, three]) == "3>\n3"


@pytest.fixture(scope="module")
def sentence_pieces():
    """A tokenizer that reads a space as the beginning of a word, and writes none in front of its first."""
    words = ["▁Capital", "▁is", "▁", "▁Paris", "Paris", "\n", ">\n<", "."]
    pieces = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="▁"))
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    pieces.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=pieces)


def test_spaces_are_as_they_are_written(sentence_pieces):
    word_with_space, word, end, bracket, point = 3, 4, 5, 6, 7
    assert sentence_pieces.decode([0, word_with_space]) == "Capital Paris"
    assert text_of(sentence_pieces, "Capital is", [word_with_space, end]) == " Paris\n"
    assert text_of(sentence_pieces, "Capital is ", [word, end]) == "Paris\n"
    assert text_of(sentence_pieces, "Capital is ", [word_with_space, end]) == " Paris\n", "one space too many"
    assert text_of(sentence_pieces, "Capital is", [2, point]) == " .", "which some tokenizers would clean up"
    assert text_of(sentence_pieces, "Capital is", [word, bracket]).startswith("Paris>"), "a token across the end mark"


def test_verdicts_on_text_read_as_the_study_reads():
    written = {
        "2>": (True, True),
        "2": (False, True),
        "2 ": (False, True),
        "23>": (False, False),
        "3>": (False, False),
    }
    questions = {"prompt": ["<1+1="], "answer": ["2"], "end": [">"], "kind": ["addition"]}
    for text, expected in written.items():
        verdicts = verdicts_on_text(questions, lambda prompts, enough, text=text: [text])
        assert (verdicts.correct_Q.item(), verdicts.papers_Q.item()) == expected, text
    written = {"Oslo \n": (True, True), "Oslo": (False, True), "Oslo\n": (False, True), "Oslo x": (False, False)}
    questions = {"prompt": ["is "], "answer": ["Oslo"], "end": [" \n"], "kind": ["capital"]}
    for text, expected in written.items():
        verdicts = verdicts_on_text(questions, lambda prompts, enough, text=text: [text])
        assert (verdicts.correct_Q.item(), verdicts.papers_Q.item()) == expected, text
    with pytest.raises(ValueError, match="question 0 needs a prompt, an answer and an end"):
        verdicts_on_text(questions | {"answer": [""]}, lambda prompts, enough: [""])


def test_as_many_tokens_are_asked_for_as_an_answer_has_bytes():
    questions = {"prompt": ["a", "b"], "answer": ["é", "10"], "end": ["\n", ">"], "kind": ["x", "x"]}
    asked = []
    verdicts_on_text(questions, lambda prompts, enough: asked.extend(enough) or ["é\n", "10"])
    assert asked == [3, 3]


def test_what_cannot_be_read_is_refused(sentence_pieces):
    characters = build_tokenizer("<1+2=3>", 9)
    with pytest.raises(ValueError, match=r"the model's tokenizer cannot read '<9': .*unknown token"):
        continuations(Scripted([0]), characters, ["<9"], [1])
    silent = byte_pairs("")
    silent.backend_tokenizer.pre_tokenizer = pre_tokenizers.Split("x", "removed")
    with pytest.raises(ValueError, match="makes no token of 'x'"):
        continuations(Scripted([0]), silent, ["x"], [1])
    with pytest.raises(ValueError, match="uses token 1 of a model that knows 1: give the model its own tokenizer"):
        continuations(Scripted([0], vocab_size=1), sentence_pieces, ["Capital is"], [1])


def test_no_prompts_are_no_texts():
    assert continuations(Scripted([0]), byte_pairs(""), [], []) == []


def test_only_plain_characters_are_read_in_one_pass(sentence_pieces):
    assert reads_characters(build_tokenizer("<1+2=3>\n é", 9))
    bytes_alone = Tokenizer(models.BPE(vocab={"Ġ": 0, "a": 1, "b": 2}, merges=[]))
    bytes_alone.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_alone.decoder = decoders.ByteLevel()
    for tokenizer in (sentence_pieces, byte_pairs(""), PreTrainedTokenizerFast(tokenizer_object=bytes_alone)):
        assert not reads_characters(tokenizer)
