"""The tasks that stand on their own, each a folder beside this file: to add one, write its folder and a line here."""

from pkgutil import resolve_name

from dataset_builders.building import QuestionBuilder


# What `load_task`, a study's `task:` and the parts of a mixture call it, and where its builder is.
PARTS: dict[str, type[QuestionBuilder]] = {
    "arithmetic": resolve_name("dataset_builders.arithmetic.builder:Arithmetic"),
    "associative_recall": resolve_name("dataset_builders.associative_recall.builder:AssociativeRecall"),
    "capitals": resolve_name("dataset_builders.capitals.builder:Capitals"),
    "copy": resolve_name("dataset_builders.copy.builder:Copy"),
    "facts": resolve_name("dataset_builders.facts.builder:Facts"),
    "two_hop_facts": resolve_name("dataset_builders.two_hop_facts.builder:TwoHopFacts"),
    "random_strings": resolve_name("dataset_builders.random_strings.builder:RandomStrings"),
}
