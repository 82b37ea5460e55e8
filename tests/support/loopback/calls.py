"""A request to the loopback Hub and its answer, and the way from one to the other."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

from support.loopback.store import Refusal, Store


@dataclass
class Call:
    """A request, with the store it is about; the path is as it came, so that a quoted revision is one segment."""

    store: Store
    address: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def user(self) -> str | None:
        """Who calls, None without a token."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return self.store.user(token if scheme == "Bearer" else None)

    @property
    def json(self) -> dict:
        return json.loads(self.body or "{}")

    def parameters(self, name: str) -> list[str]:
        return parse_qs(self.query).get(name, [])


@dataclass
class Answer:
    """What is sent back: bytes as they are, anything else as JSON."""

    content: bytes | dict | list | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


REPOSITORY = r"/api/(?P<kind>models|datasets|spaces)/(?P<id>[^/]+/[^/]+)"
PAGES = r"/(?:(?P<kind>datasets|spaces)/)?(?P<id>[^/]+/[^/]+?)"  # without `/api`, where files and git live
REVISION = r"(?P<revision>[^/]+)"
NAME = r"(?P<name>[^/]+)"
_ENDPOINTS: list[tuple[str, str, bool, Callable]] = []


def endpoint(method: str, pattern: str, *, writes: bool = False) -> Callable:
    """Makes a function answer the requests whose whole path matches the pattern.

    It gets the call, the repository if the pattern names one (once it is sure that the user may read it or, where it
    `writes`, change it), and the pattern's other groups, unquoted.
    """

    def register(function: Callable) -> Callable:
        _ENDPOINTS.append((method, pattern, writes, function))
        return function

    return register


def carry_out(call: Call) -> Answer:
    """Does what a request asks for.

    Raises:
        Refusal: it is not to be done.
    """
    user = call.user
    for method, pattern, writes, function in _ENDPOINTS:
        match = re.fullmatch(pattern, call.path)
        if match is None or method != call.method.replace("HEAD", "GET"):
            continue
        groups = {name: value and unquote(value) for name, value in match.groupdict().items()}
        repository = []
        if "id" in groups:
            kind = (groups.pop("kind") or "models").removesuffix("s")
            repository = [call.store.repository(user, kind, groups.pop("id"), to_write=writes)]
        answer = function(call, *repository, **groups)
        return answer if isinstance(answer, Answer) else Answer(answer)
    raise Refusal(404, f"Sorry, there is no {call.path} here.")
