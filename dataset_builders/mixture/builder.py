"""Rules and facts in one text: the arithmetic lines, then the capitals."""

from dataset_builders.arithmetic.builder import CONFIGS, ArithmeticConfig, equations, shuffled
from dataset_builders.capitals.builder import ASKED_IN_THE_STUDY, capitals
from dataset_builders.questions import QuestionBuilder


class Mixture(QuestionBuilder):
    """The study's cell `both`: 250 questions; in config `paper` 246 lines, 3,311 characters."""

    BUILDER_CONFIG_CLASS = ArithmeticConfig
    BUILDER_CONFIGS = CONFIGS
    DEFAULT_CONFIG_NAME = "paper"

    def questions(self):
        return equations(self.config) + capitals(ASKED_IN_THE_STUDY)

    def training_lines(self):
        return shuffled(equations(self.config), self.config.split_seed) + capitals(ASKED_IN_THE_STUDY)
