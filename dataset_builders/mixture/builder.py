"""Rules and facts in one text: the arithmetic lines, then the capitals."""

import pyarrow as pa

from dataset_builders.arithmetic.builder import CONFIGS, Arithmetic, ArithmeticConfig
from dataset_builders.capitals.builder import Capitals
from dataset_builders.questions import QuestionBuilder


class Mixture(QuestionBuilder):
    """The study's cell `both`: 250 questions; in config `paper` 246 lines, 3,311 characters."""

    BUILDER_CONFIG_CLASS = ArithmeticConfig
    BUILDER_CONFIGS = tuple(
        config for config in CONFIGS if config.name in ("paper", "rotating_pair", "random", "operand")
    )
    DEFAULT_CONFIG_NAME = "paper"

    @staticmethod
    def tables(config):
        rules, facts = Arithmetic.build(config), Capitals.build(Capitals.configured("capitals", "paper", {}))
        return {split: pa.concat_tables([rules[split], facts[split]]) for split in rules}
