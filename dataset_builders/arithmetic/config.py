"""The dials of the arithmetic, and its named configs."""

from dataclasses import dataclass

from dataset_builders.building import QuestionConfig


@dataclass
class ArithmeticConfig(QuestionConfig):
    """
    Args:
        digits (`int`, defaults to 1):
            Operands go from 0 to 10**digits - 1.
        operations (`tuple` or `list` of `str`, defaults to `("+", "-")`):
            Of `+`, `-`, `*` and `/`; at each pair of operands the questions have them in this order.
        modulus (`int`, *optional*):
            p: operands go from 0 to p - 1 and results are taken mod p. `/` needs a p that is prime, and has no b = 0.
        notation (`str`, defaults to `"digits"`):
            How numbers are written: `digits`, or `symbols`, one character for each residue mod p.
        zero_padded (`bool`, defaults to `False`):
            Whether operands have as many digits as the largest, and answers as many as the largest result.
        reversed_operands (`bool`, defaults to `False`):
            Whether operands begin with their last digit. What is withheld goes by the numbers, not by how they read.
        reversed_answer (`bool`, defaults to `False`):
            Whether answers begin with their last digit; a minus sign stays in front.
        label_noise (`float`, defaults to 0.0):
            The share of the lines that are read whose answer is replaced by another one that lines of their operation
            have, drawn by `split_seed`. Such a line is a fact, and its kind is, say, `corrupted addition`.
        shuffled_answers (`bool`, defaults to `False`):
            Whether the answers of the lines that are read are shuffled within each operation, by `split_seed`: the
            twin with no rule to be found, and nothing to extrapolate to. Its kinds are, say, `shuffled addition`.
        withheld_split (`str`, defaults to `"pairs"`):
            What is asked but never read. `pairs`: unordered operand pairs, {a, b} standing for a and b in both orders
            and under all operations; `random`: a fraction of all such pairs; `operand`: all pairs that have one
            operand; `digit`: those with a digit at a position of an operand; `length`: those with a longer operand.
        withheld_pairs (`tuple` or `list` of pairs of operands, *optional*):
            For `pairs`: these.
        drawn_pairs (`int`, *optional*):
            For `pairs`, instead: so many of the pairs of different operands, drawn by `split_seed`. With one,
            `split_seed` rotates through them: any 45 seeds in a row withhold each of the 45 pairs of digits once.
        withheld_fraction (`float`, *optional*):
            For `random`: the share of the pairs, to the nearest whole number of them, drawn by `split_seed`. Of more
            than 10,000,000 pairs, which are not listed, each is withheld with that probability.
        withheld_operand (`int`, *optional*):
            For `operand`: the operand. If left out, `split_seed` rotates through them.
        withheld_digit (`int`, *optional*):
            For `digit`: the digit. If left out, `split_seed` rotates through the ten.
        withheld_position (`int`, *optional*):
            For `digit`: where operands never have it in training, 0 for the units. Only zero-padded operands have
            leading zeros.
        longest_in_training (`int`, *optional*):
            For `length`: the most digits, not counting padding, that an operand has in training.
        num_lines (`int`, *optional*):
            How many of the equations that are not withheld are read: drawn without replacement. All if left out.
        num_questions (`int`, *optional*):
            How many of the withheld ones are asked, drawn without replacement, and of those that are read at most as
            many: the first. All of both if left out.
        split_seed (`int`, defaults to 1337):
            Draws what is to be drawn, and orders the lines of the training text.
    """

    digits: int = 1
    operations: tuple = ("+", "-")
    modulus: int | None = None
    notation: str = "digits"
    zero_padded: bool = False
    reversed_operands: bool = False
    reversed_answer: bool = False
    label_noise: float = 0.0
    shuffled_answers: bool = False
    withheld_split: str = "pairs"
    withheld_pairs: tuple | None = None
    drawn_pairs: int | None = None
    withheld_fraction: float | None = None
    withheld_operand: int | None = None
    withheld_digit: int | None = None
    withheld_position: int | None = None
    longest_in_training: int | None = None
    num_lines: int | None = None
    num_questions: int | None = None


THREE_DIGIT_ADDITION = {
    "digits": 3,
    "operations": ("+",),
    "zero_padded": True,
    "withheld_split": "random",
    "withheld_fraction": 0.1,
    "num_lines": 10_000,
    "num_questions": 1_000,
}
CONFIGS = (
    ArithmeticConfig(name="paper", withheld_pairs=((5, 7),), description="As in the paper: 5 and 7 are withheld."),
    ArithmeticConfig(name="rotating_pair", drawn_pairs=1, description="A pair of different digits, by `split_seed`."),
    ArithmeticConfig(
        name="random",
        withheld_split="random",
        withheld_fraction=0.1,
        description="A tenth of the pairs, drawn by `split_seed`.",
    ),
    ArithmeticConfig(
        name="operand", withheld_split="operand", description="All equations with one digit, by `split_seed`."
    ),
    ArithmeticConfig(
        name="multiplication",
        operations=("*",),
        withheld_split="random",
        withheld_fraction=0.1,
        description="The one-digit times table without a tenth of its pairs.",
    ),
    ArithmeticConfig(
        name="length",
        digits=2,
        operations=("+",),
        withheld_split="length",
        longest_in_training=1,
        num_questions=500,
        description="One-digit additions are read, two-digit ones asked.",
    ),
    ArithmeticConfig(
        name="digit",
        digits=2,
        operations=("+",),
        zero_padded=True,
        withheld_split="digit",
        withheld_position=1,
        num_questions=1_000,
        description="Two-digit additions in which no operand has a certain tens digit, by `split_seed`.",
    ),
    ArithmeticConfig(
        name="mod_division",
        operations=("/",),
        modulus=97,
        notation="symbols",
        withheld_split="random",
        withheld_fraction=0.5,
        description="a / b mod 97, a symbol a residue, half of the pairs withheld.",
    ),
    ArithmeticConfig(name="plain_addition", **THREE_DIGIT_ADDITION, description="10,000 three-digit additions."),
    ArithmeticConfig(
        name="reversed_addition",
        **THREE_DIGIT_ADDITION,
        reversed_answer=True,
        description="The same, each answer written from its last digit on.",
    ),
    ArithmeticConfig(
        name="ten_digit_addition",
        **THREE_DIGIT_ADDITION | {"digits": 10, "num_lines": 20_000},
        reversed_operands=True,
        reversed_answer=True,
        description="20,000 ten-digit additions, operands and answers written from their last digit on.",
    ),
)
