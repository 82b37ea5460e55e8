"""What `make test-lowest` installs is what `pyproject.toml` allows at least."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


ROOT = Path(__file__).parent.parent


def requirements(project, extra=None):
    """The packages that an extra, or none, asks for, with those of the extras that it names."""
    for requirement in map(Requirement, project["optional-dependencies"][extra] if extra else project["dependencies"]):
        if requirement.name == project["name"]:
            for other in requirement.extras:
                yield from requirements(project, other)
        else:
            yield requirement


def test_the_lowest_versions_are_those_that_are_allowed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8")
    pins = {name: Version(version) for name, version in re.findall(r"^([\w.-]+)==(\S+)$", pinned, flags=re.M)}
    direct = [*requirements(project), *requirements(project, "dev")]
    assert len(direct) > 30
    for requirement in direct:
        [bound] = requirement.specifier
        assert bound.operator in (">=", "==")
        assert pins[canonicalize_name(requirement.name)] == Version(bound.version), requirement
