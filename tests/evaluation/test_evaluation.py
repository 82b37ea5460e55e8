import math
from functools import partial

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from hf_capacity.config.experiment import TaskConfig
from hf_capacity.data.task import Task
from hf_capacity.data.tokenizer import encode
from hf_capacity.evaluation.exact_match import TeacherForcing, mean_loss, predict, write
from hf_capacity.evaluation.exam import Exam, papers_questions
from hf_capacity.runs.curve import findings
from hf_capacity.runs.records import read_record
from hf_capacity.training.kernel import FusedLoss


class Scripted(torch.nn.Module):
    """A model that writes given continuations: the oracle of the tests."""

    def __init__(self, lines, encode, vocab_size, block_size):
        super().__init__()
        self.lines, self.encode, self.vocab_size = [encode(line) for line in lines], encode, vocab_size
        self.block_size = block_size

    def forward(self, input_ids):
        logits = torch.zeros(*input_ids.shape, self.vocab_size)
        for row, ids in enumerate(input_ids.tolist()):
            for position in range(len(ids)):
                context = ids[: position + 1]
                for line in self.lines:
                    # Cropped on the left, the context may start anywhere in the line, but only if the block is full.
                    starts = range(len(line)) if len(context) == self.block_size else [0]
                    for start in starts:
                        if line[start : start + len(context)] == context and start + len(context) < len(line):
                            logits[row, position, line[start + len(context)]] = 1.0
        return type("Output", (), {"logits": logits})


def letters(text):
    return [ord(letter) - 32 for letter in text]


@pytest.mark.parametrize("block_size", [3, 4, 5, 6, 8, 12])
def test_a_slid_window_decides_as_greedy_decoding_with_cropped_context(block_size):
    questions = {
        "prompt": ["abc=", "d=", "efghijk="],
        "answer": ["12", "3456789", "0"],
        "end": [">", ">\n"[0], ">"],
        "kind": ["x", "x", "x"],
    }
    lines = ["abc=12>", "d=3456789>", "efghijk=1>"]
    model = Scripted(lines, letters, 96, block_size)
    forcing = TeacherForcing(questions, letters, block_size)
    assert max(rows_RT.shape[1] for rows_RT in forcing.rows) == min(block_size, 9)
    assert forcing.verdicts(partial(predict, model)).correct_Q.tolist() == [True, True, False]


@pytest.mark.parametrize("task", ["arithmetic", "capitals", "both"])
def test_one_pass_agrees_with_generate_question_by_question(half_trained, task):
    folder = half_trained[task]
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    exam = Exam(Task.load(TaskConfig(path=task), 1337))
    forcing = exam.sheet(lambda text: encode(tokenizer, text), model.config.n_positions, "cpu")
    verdicts = forcing.verdicts(partial(predict, model)).correct_Q.tolist()
    assert 0 < sum(verdicts) < len(verdicts), "the model must know some answers and not others for this to tell"
    for rows_RT in forcing.rows:
        assert torch.equal(FusedLoss(model).predict(rows_RT), predict(model, rows_RT))

    generated = []
    for prompt, answer, end in zip(*(exam.questions[column] for column in ("prompt", "answer", "end")), strict=True):
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        for _ in range(len(answer + end)):
            cropped = ids[:, -model.config.n_positions :]
            token = _next_token(model, cropped)
            ids = torch.cat([ids, token], dim=1)
        generated.append(tokenizer.decode(ids[0])[len(prompt) :] == answer + end)
    assert verdicts == generated


def _next_token(model, ids):
    # `generate` goes one token past its prompt at a time, because the window has to slide past the block.
    with torch.no_grad():
        if ids.shape[1] == model.config.n_positions:
            return model(input_ids=ids).logits[:, -1:].argmax(-1)
        return model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=1,
            pad_token_id=0,
            use_cache=False,
        )[:, -1:]


def test_whole_answers_by_generate_where_they_fit_the_block(half_trained):
    folder = half_trained["arithmetic"]
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    exam = Exam(Task.load(TaskConfig(path="arithmetic"), 1337))
    forcing = exam.sheet(lambda text: encode(tokenizer, text), 9, "cpu")
    verdicts = forcing.verdicts(partial(predict, model))
    for index, prompt in enumerate(exam.questions["prompt"]):
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=9 - ids.shape[1],
                pad_token_id=0,
            )
        text = tokenizer.decode(out[0])[len(prompt) :]
        expected = exam.questions["answer"][index]
        assert text.startswith(expected + ">") == verdicts.correct_Q[index].item()
        integer = text[: len(text) - len(text.lstrip("-0123456789"))]
        assert (integer == expected) == verdicts.papers_Q[index].item()


def test_mean_loss_is_the_cross_entropy_over_every_target_by_hand(half_trained):
    model = AutoModelForCausalLM.from_pretrained(half_trained["arithmetic"]).eval()
    windows = torch.randint(0, 17, (700, 10), generator=torch.Generator().manual_seed(0))
    total = 0.0
    with torch.no_grad():
        for window in windows[:, None]:
            logits = model(input_ids=window[:, :-1]).logits[0]
            total += sum(math.log(logits[t].exp().sum().item()) - logits[t, window[0, t + 1]].item() for t in range(9))
    assert mean_loss(model, windows) == pytest.approx(total / (700 * 9), rel=1e-5)


def test_the_study_scores_91_equations_an_operation_and_all_capitals():
    exam = Exam(Task.load(TaskConfig(path="both"), 1337))
    counted = papers_questions(exam.questions)
    kinds = [kind for kind, is_counted in zip(exam.questions["kind"], counted, strict=True) if is_counted]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"addition": 91, "subtraction": 91, "capital": 50}
    told = dict(zip(exam.questions["prompt"], counted, strict=True))
    assert (told["<4+0="], told["<0+0="], told["<0-7="]) == (False, True, True)
    rotating = Exam(Task.load(TaskConfig(path="both", name="rotating_pair"), 3))
    assert sum(papers_questions(rotating.questions)) == sum(counted)  # whichever pair is withheld


@pytest.mark.parametrize(("column", "value"), [("kind", "sum"), ("answer", "9"), ("prompt", "<1+1 ="), ("end", ".")])
def test_of_a_task_with_any_other_question_the_paper_scores_none(column, value):
    questions = dict(Exam(Task.load(TaskConfig(path="arithmetic"), 1337)).questions)
    assert sum(papers_questions(questions)) == 182
    questions[column] = [value, *questions[column][1:]]
    assert not any(papers_questions(questions))


def test_a_label_decides_nothing():
    for kind in ("capital", "city"):
        curve = [
            {"step": 60, "loss": 1.0, "counts": {"exact_match": [8, 39]}, "published_scoring": {kind: [3, 3]}},
            {"step": 200, "loss": 1.0, "counts": {"exact_match": [39, 39]}, "published_scoring": {}},
        ]
        rates = {"exact_match": 0, "recall": 0, "fit": 0, "extrapolation": 0.0}
        found = findings([row | rates for row in curve])
        assert found["best_on_withheld"]["step"] == 200
        assert found["last"]["published_scoring"] == {}


def test_a_number_written_on_is_wrong_for_the_study_too_but_a_missing_mark_is_not():
    questions = {
        "prompt": ["<1+1=", "<1+2=", "<1+3="],
        "answer": ["2", "3", "4"],
        "end": [">"] * 3,
        "kind": ["addition"] * 3,
    }
    model = Scripted(["<1+1=2>", "<1+2=3 ", "<1+3=44>"], letters, 96, 9)
    forcing = TeacherForcing(questions, letters, 9)
    verdicts = forcing.verdicts(partial(predict, model))
    assert verdicts.correct_Q.tolist() == [True, False, False]
    assert verdicts.papers_Q.tolist() == [True, True, False]


def test_a_question_without_an_answer_is_named():
    questions = {"prompt": ["<1="], "answer": [""], "end": [">"], "kind": ["x"]}
    with pytest.raises(ValueError, match=r"question 0 needs a prompt, an answer and an end: .*<1="):
        TeacherForcing(questions, letters, 9)


def test_greedy_writing_slides_the_window(half_trained):
    folder = half_trained["capitals"]
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    newline = tokenizer.convert_tokens_to_ids("\n")
    ids = encode(tokenizer, "Capital of Saudi Arabia is ")
    assert len(ids) > model.config.n_positions
    [written] = write(model, [ids], [30], stops={newline})
    assert written[-1] == newline
    assert newline not in written[:-1]


def _row(step, accuracy, withheld):
    return {
        "step": step,
        "loss": 1.0,
        "exact_match": accuracy,
        "recall": None,
        "fit": accuracy,
        "extrapolation": sum(withheld) / len(withheld),
        "counts": {"exact_match": [round(100 * accuracy), 100]},
        "published_scoring": {"addition": [round(91 * accuracy), 91]},
        "withheld": {str(number): right for number, right in enumerate(withheld)},
    }


def test_findings_take_the_last_row_the_first_best_one_and_count_late_solutions():
    curve = [_row(step, 0.5, [False] * 4) for step in range(8)]
    curve += [_row(8, 0.9, [True] * 4), _row(9, 0.9, [True, True, True, False])]
    found = findings(curve)
    assert found["last"]["step"] == 9
    assert found["best_on_withheld"]["step"] == 8
    assert found["late_evaluations_solved"] == [1, 2]
    assert findings([_row(0, 0.5, [True]) | {"extrapolation": None}])["late_evaluations_solved"] is None


def test_the_record_holds_what_the_saved_model_answers(half_trained):
    for task, folder in half_trained.items():
        model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
        exam = Exam(Task.load(TaskConfig(path=task), 1337))
        forcing = exam.sheet(
            lambda text, tokenizer=tokenizer: encode(tokenizer, text), model.config.n_positions, "cpu"
        )
        counts = exam.mark(forcing.verdicts(partial(predict, model)))["counts"]
        assert counts == read_record(folder)["last"]["counts"]
