"""Models that are not ours: another architecture, and tokens of several characters; trained for a second."""

import random

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RwkvConfig,
)

from hf_capacity.config.experiment import TaskConfig
from hf_capacity.data.task import Task
from hf_capacity.evaluation.exam import Exam


BOS, EOS = 0, 1
VOCABULARY = {"vocab_size": 400, "bos_token_id": BOS, "eos_token_id": EOS}
CONFIGS = {
    "llama": LlamaConfig(  # rotary positions
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        **VOCABULARY,
    ),
    "gpt2": GPT2Config(  # absolute ones; dropout is drawn anew with each version of torch
        n_embd=32, n_layer=1, n_head=2, n_positions=32, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, **VOCABULARY
    ),
    "rwkv": RwkvConfig(hidden_size=32, num_hidden_layers=2, **VOCABULARY),  # none: it is recurrent
}


def byte_pairs(text: str) -> PreTrainedTokenizerFast:
    """A byte-level BPE that puts `<s>` in front of what it reads and `</s>` behind, and has no token for padding."""
    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY["vocab_size"],
        special_tokens=["<s>", "</s>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    pairs.train_from_iterator([text], trainer)
    special_tokens = [("<s>", BOS), ("</s>", EOS)]
    pairs.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=special_tokens)
    return PreTrainedTokenizerFast(tokenizer_object=pairs, bos_token="<s>", eos_token="</s>")


def some_questions(exam: Exam) -> dict[str, list]:
    """Fifty equations and thirty-five capitals of the task `both`."""
    chosen = random.Random(0).sample(range(200), 50) + list(range(200, 235))
    return {column: [values[index] for index in chosen] for column, values in exam.questions.items()}


def trained(name: str, steps: int = 60) -> tuple[PreTrainedModel, PreTrainedTokenizerFast, dict[str, list]]:
    """A model that knows some answers, its tokenizer, and the questions whose lines it has read."""
    exam = Exam(Task.load(TaskConfig(path="both"), 1337))
    tokenizer, questions = byte_pairs(exam.task.text), some_questions(exam)
    rows = []
    for prompt, answer, end in zip(questions["prompt"], questions["answer"], questions["end"], strict=True):
        read = [BOS, *tokenizer(prompt, add_special_tokens=False).input_ids]
        rows.append((read, [*tokenizer(answer + end, add_special_tokens=False).input_ids, EOS]))
    longest = max(len(read) + len(written) for read, written in rows)

    def padded(row, filler):
        return row + [filler] * (longest - len(row))

    ids_RT = torch.tensor([padded(read + written, EOS) for read, written in rows])
    labels_RT = torch.tensor([padded([-100] * len(read) + written, -100) for read, written in rows])
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS[name])
    model.loss_type = "ForCausalLM"  # without it GPT-2 warns
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2)
    for _ in range(steps):
        model(input_ids=ids_RT, labels=labels_RT).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval(), tokenizer, questions
