"""Values that nobody means and somebody gives, and what may come of them: success, or a refusal in one line."""

import copy
import resource
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


# What the boundary promises of each case, in this process and after imports.
MOST_SECONDS, MOST_BYTES = 2.0, 2**30
LONGEST_REFUSAL = 1_200
FEW = 50

ODD_TEXTS = (
    *("", " ", ".", "..", "...", "/", "../x", "/etc/passwd", "~", "~root", "-", "--help", "a/b", "a/b/c", "a//b"),
    *(
        "\0",
        "\n",
        "\r",
        "\t",
        "\x1b[31m",
        "\u202e",
        "\ufeff",
        "é",
        "データ",
        "[/b]",
        "{{ x }}",
        "%s",
        "<script>",
        "\u2028",
    ),
    *("nan", "inf", "-inf", "1e3", "1e-3", "1e400", "010", "0x1f", "1_000", "1:30", "on", "null", "true", "٣", "²"),
    *("arithmetic", "capitals", "mixture", "both", "facts", "random_strings", "paper", "n14", "mlt", "gpt2", "llama"),
    *(
        "csv",
        "json",
        "file:///etc",
        "http://a:b@c",
        "x" * 300,
        "x" * 10_000,
        "../" * 100,
        "a=b",
        "step-1",
        "con",
        "\ud800",
    ),
)
ODD_NUMBERS = (0, 1, -1, 2, 9, 14, 100, 1337, 2**31, 2**32, 2**63, 10**12, 10**20, 10**300, -(10**20), 10**4_000)
ODD_FLOATS = (0.0, -0.0, 0.5, 1.0, 3.5, 1e-300, 1e12, 1e300, float("inf"), float("-inf"), float("nan"))

TEXTS = st.sampled_from(ODD_TEXTS) | st.text(max_size=20)
SCALARS = (
    st.none() | st.booleans() | st.sampled_from(ODD_NUMBERS) | st.integers() | st.sampled_from(ODD_FLOATS) | TEXTS
)
NAMES = st.sampled_from(
    ("path", "name", "parameters", "split_seed", "model_type", "n_layer", "n_head", "n_embd", "hidden_size", "steps")
)


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


ODD_COLLECTIONS = st.sampled_from(
    ((), (1,), (1, 2, 3), ("x",) * 1_000, tuple(range(1, 5_000)), (None,), ((5, 7), (2, 3)))
)
VALUES = (
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | TEXTS, inner, max_size=4),
        max_leaves=8,
    )
    | ODD_COLLECTIONS.map(lambda values: [list(value) if isinstance(value, tuple) else value for value in values])
    | st.sampled_from((5, 18, 40, 100)).map(nested)
)


def places_of(content: Any, prefix: tuple = ()) -> list[tuple]:
    """Every place in nested dictionaries and lists, as the keys that lead there."""
    entries = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, value in entries for place in ((*prefix, key), *places_of(value, (*prefix, key)))]


def _changed(content: Any, place: tuple, change: Callable[[Any, Any], None]) -> Any:
    content = copy.deepcopy(content)
    owner = content
    for key in place[:-1]:
        owner = owner[key]
    change(owner, place[-1])
    return content


@st.composite
def mutations(draw, *contents: Any) -> Any:
    """One of some contents with one to three of its places changed, removed or given a neighbour."""
    content = draw(st.sampled_from(contents))
    for _ in range(draw(st.integers(1, 3))):
        places = places_of(content)
        if not places:
            return content
        place, value = draw(st.sampled_from(places)), draw(VALUES)
        kind = draw(st.sampled_from(("set", "set", "set", "remove", "add")))
        if kind == "set":
            content = _changed(content, place, lambda owner, key, value=value: owner.__setitem__(key, value))
        elif kind == "remove":
            content = _changed(content, place, lambda owner, key: owner.pop(key))
        else:
            name = draw(NAMES | TEXTS)

            def add(owner, key, name=name, value=value):
                owner.append(value) if isinstance(owner, list) else owner.__setitem__(name, value)

            content = _changed(content, place, add)
    return content


def for_all(number: int, strategy: st.SearchStrategy, check: Callable[[Any], None]) -> None:
    """Checks a property for so many cases: a few are always the same ones, many are drawn anew each time."""
    drawn = settings(
        max_examples=number,
        derandomize=number <= FEW,
        database=None,
        deadline=None,  # `ends_well` has one
        suppress_health_check=list(HealthCheck),
    )
    drawn(given(strategy)(check))()


def ends_well(call: Callable[[], Any], most_seconds: float = MOST_SECONDS) -> None:
    """Makes a call that may refuse what it was given, in one line, soon, and within a gigabyte."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    message = "None."
    try:
        call()
    except ValueError as refusal:
        message = str(refusal)
    finally:
        seconds = time.process_time() - began
        grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        assert seconds < most_seconds, f"{seconds:.1f} s"
        assert grown < MOST_BYTES, f"{grown:,} bytes"
    assert message
    assert "\n" not in message, message
    assert len(message) <= LONGEST_REFUSAL, message
