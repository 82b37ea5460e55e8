"""The capitals of fifty countries: facts that can only be known.

The line `Capital of France is Paris ` is asked as the prompt `Capital of France is `, whose answer is `Paris`, closed
by a space and a newline.
"""

from dataset_builders.building import QuestionBuilder, QuestionConfig, Splits, question_table


# The facts and their order as listed by Barron & White (2025, arXiv 2506.09099).
CAPITALS = {
    "France": "Paris",
    "the USA": "Washington DC",
    "Japan": "Tokyo",
    "Germany": "Berlin",
    "Italy": "Rome",
    "Spain": "Madrid",
    "the UK": "London",
    "Canada": "Ottawa",
    "Australia": "Canberra",
    "India": "New Delhi",
    "China": "Beijing",
    "Russia": "Moscow",
    "Brazil": "Brasilia",
    "Mexico": "Mexico City",
    "South Korea": "Seoul",
    "Argentina": "Buenos Aires",
    "Egypt": "Cairo",
    "Saudi Arabia": "Riyadh",
    "Turkey": "Ankara",
    "Indonesia": "Jakarta",
    "Nigeria": "Abuja",
    "Pakistan": "Islamabad",
    "Colombia": "Bogota",
    "Thailand": "Bangkok",
    "Vietnam": "Hanoi",
    "the Netherlands": "Amsterdam",
    "Belgium": "Brussels",
    "Sweden": "Stockholm",
    "Norway": "Oslo",
    "Denmark": "Copenhagen",
    "Finland": "Helsinki",
    "Poland": "Warsaw",
    "Austria": "Vienna",
    "Switzerland": "Bern",
    "Portugal": "Lisbon",
    "Greece": "Athens",
    "Ireland": "Dublin",
    "New Zealand": "Wellington",
    "South Africa": "Pretoria",
    "Israel": "Jerusalem",
    "Iran": "Tehran",
    "Iraq": "Baghdad",
    "Syria": "Damascus",
    "Lebanon": "Beirut",
    "Jordan": "Amman",
    "Kuwait": "Kuwait City",
    "Qatar": "Doha",
    "Oman": "Muscat",
    "Bahrain": "Manama",
    "Zambia": "Lusaka",
}

# The paper reads "the USA" and "the UK" and asks for "USA" and "UK"; the Netherlands keep their article in both.
ASKED_IN_THE_PAPER = {"the USA": "USA", "the UK": "UK"}


class Capitals(QuestionBuilder):
    """Fifty facts in the paper's order, 1,547 characters. All are read, and `split_seed` draws nothing."""

    title = "Fifty capitals"
    paper = "2506.09099"
    example = "Capital of France is "

    BUILDER_CONFIGS = (
        QuestionConfig(name="paper", description="As the paper asks: two prompts without the article of their line."),
        QuestionConfig(name="consistent", description="Every prompt is the beginning of its line."),
    )
    DEFAULT_CONFIG_NAME = "paper"

    @staticmethod
    def tables(config: QuestionConfig) -> Splits:
        asked = ASKED_IN_THE_PAPER if config.name == "paper" else {}
        questions = question_table(
            text=[f"Capital of {country} is {capital} \n" for country, capital in CAPITALS.items()],
            prompt=[f"Capital of {asked.get(country, country)} is " for country in CAPITALS],
            answer=list(CAPITALS.values()),
            end=" \n",
            kind="capital",
            ability="fact",
            seen=True,
        )
        return {"train": questions, "questions": questions}
