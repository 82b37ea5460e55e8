"""What the keys of a model are called: here, by transformers, and which of them are not for the user to set."""

# The type of the ladder's models.
LADDERS_TYPE = "gpt2"
# What transformers calls the sizes of a model, whatever its type, and what they are called here.
STANDARD_NAMES = {
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "hidden_size": "n_embd",
    "intermediate_size": "n_inner",
}
# The fields of `ModelConfig`, but for `other_keys`.
FIELDS = (
    "name",
    "model_type",
    "n_layer",
    "n_head",
    "n_embd",
    "n_inner",
    "dropout",
    "num_parameters",
    "tie_word_embeddings",
)
# What else a model of the ladder's type takes, with the paper's value.
LADDERS_KEYS = {"initializer_range": 0.02}
# What alphabet, block and protocol decide: one token a character and none besides, and float32.
SET_BY_THE_RUN = (
    "vocab_size",
    "max_position_embeddings",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "use_cache",
    "dtype",
)
