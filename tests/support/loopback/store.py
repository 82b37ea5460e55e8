"""What the loopback Hub keeps: repositories with their commits, branches and tags, and who may see and change them."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath

import yaml


# What the Hub's own .gitattributes sends to large-file storage, as far as this laboratory writes it.
LARGE_FILES = {".arrow", ".bin", ".gz", ".npz", ".parquet", ".pkl", ".pt", ".safetensors", ".zip"}
LARGE_SIZE = 10 * 1024**2
FIRST_FILES = {
    ".gitattributes": "".join(f"*{end} filter=lfs diff=lfs merge=lfs -text\n" for end in LARGE_FILES).encode()
}


class Refusal(Exception):
    """A request that the Hub does not carry out, with what it answers instead."""

    def __init__(self, status: int, message: str, code: str | None = None, **content):
        super().__init__(message)
        self.status = status
        self.content = {"error": message, **content}
        self.headers = {"X-Error-Message": message.encode("ascii", "replace").decode()}
        if code:
            self.headers["X-Error-Code"] = code


@dataclass(frozen=True, eq=False)
class Commit:
    """One commit: all files as they are after it."""

    title: str
    description: str
    author: str
    parent: "Commit | None"
    files: dict[str, bytes]
    id: str = field(default_factory=lambda: secrets.token_hex(20))
    date: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}")

    def history(self) -> list["Commit"]:
        """This commit and all before it, newest first."""
        commits = [self]
        while commits[-1].parent:
            commits.append(commits[-1].parent)
        return commits

    def below(self, path: str) -> dict[str, bytes]:
        """The file at a path, or all that the folder there holds."""
        return {name: self.files[name] for name in self.files if name == path or name.startswith(f"{path}/")}

    def last_change(self, path: str) -> "Commit":
        """The commit that last wrote the file, or a file in the folder."""
        commit = self
        while commit.parent and commit.parent.below(path) == self.below(path):
            commit = commit.parent
        return commit


class Repository:
    """A model, dataset or Space: commits, and the branches and tags that point to them."""

    def __init__(self, kind: str, id: str, *, creator: str, private: bool = False, sdk: str | None = None):
        self.kind, self.id, self.private, self.sdk = kind, id, private, sdk
        first = Commit("initial commit", "", creator, None, FIRST_FILES)
        self.created = first.date
        self.branches = {"main": first.id}
        self.tags: dict[str, str] = {}
        self._commits = {first.id: first}

    @property
    def namespace(self) -> str:
        return self.id.split("/")[0]

    def at(self, revision: str) -> Commit:
        """The commit that a branch, a tag or an id names."""
        id = self.branches.get(revision) or self.tags.get(revision) or revision
        if id not in self._commits:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self._commits[id]

    def commits(self, branch: str = "main") -> list[str]:
        """The titles of a branch's commits, oldest first."""
        return [commit.title for commit in reversed(self.at(branch).history())]

    def commit(self, branch: str, files: dict[str, bytes], title: str, description: str, author: str) -> Commit:
        """Puts a commit with these files on top of a branch."""
        made = Commit(title, description, author, self.at(branch), files)
        self._commits[made.id] = made
        self.branches[branch] = made.id
        return made

    def point(self, references: dict[str, str], name: str, revision: str) -> None:
        """Makes a branch or a tag, whichever dictionary comes."""
        if name in references:
            raise Refusal(409, f"Reference already exists: {name}")
        references[name] = self.at(revision).id

    def drop(self, references: dict[str, str], name: str) -> None:
        if references.pop(name, None) is None:
            raise Refusal(404, f"Reference not found: {name}", "RevisionNotFound")


@dataclass
class Collection:
    """What gathers repositories, each by its kind and id."""

    slug: str
    title: str
    namespace: str
    private: bool
    description: str | None
    items: list[tuple[str, str]] = field(default_factory=list)


class Store:
    """All repositories, collections and stored large files, and the users who may work on them.

    Args:
        users: the user whom each token stands for.
        organisations: the members of each organisation; they may read and write all that is in it.
    """

    def __init__(self, users: dict[str, str], organisations: dict[str, list[str]]):
        self.users, self.organisations = users, organisations
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.collections: dict[str, Collection] = {}
        self.large: dict[str, bytes] = {}

    def user(self, token: str | None) -> str | None:
        if token is not None and token not in self.users:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return self.users.get(token)

    def memberships(self, user: str | None) -> list[str]:
        return [name for name, members in self.organisations.items() if user in members]

    def may_write(self, user: str | None, namespace: str) -> bool:
        return user is not None and namespace in {user, *self.memberships(user)}

    def visible(self, user: str | None, kind: str) -> list[Repository]:
        """The repositories of a kind that the user may see."""
        return [
            repository
            for repository in self.repositories.values()
            if repository.kind == kind and (not repository.private or self.may_write(user, repository.namespace))
        ]

    def repository(self, user: str | None, kind: str, id: str, *, to_write: bool) -> Repository:
        """The repository, if the user may see it and, where that is asked for, change it."""
        found = next((repository for repository in self.visible(user, kind) if repository.id == id), None)
        if found is None:
            raise Refusal(404, "Repository not found", "RepoNotFound")
        if to_write:
            self.check_writer(user, found.namespace)
        return found

    def check_writer(self, user: str | None, namespace: str) -> None:
        if user is None:
            raise Refusal(401, "Invalid username or password.")
        if not self.may_write(user, namespace):
            raise Refusal(403, f'{user} has no rights to write under the namespace "{namespace}"')


def is_large(path: str, sample: bytes, size: int) -> bool:
    """Whether the Hub keeps a file in large-file storage; `sample` is its first 512 bytes."""
    return size > 0 and (PurePosixPath(path).suffix in LARGE_FILES or b"\0" in sample or size > LARGE_SIZE)


def described_file(path: str, content: bytes) -> dict:
    """A file as the tree names it: its size and its id, which for a large file is the id of the pointer in git."""
    described = {"type": "file", "path": path, "size": len(content), "oid": git_id(content)}
    if is_large(path, content[:512], len(content)):
        sha256 = hashlib.sha256(content).hexdigest()
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(content)}\n".encode()
        large = {"oid": sha256, "size": len(content), "pointerSize": len(pointer)}
        described |= {"oid": git_id(pointer), "lfs": large}
    return described


def content_id(path: str, content: bytes) -> str:
    """What the file is called in an ETag, and what tells a client that it need not send it again."""
    described = described_file(path, content)
    return described.get("lfs", described)["oid"]


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def card_metadata(content: str) -> dict:
    """The YAML at the head of a README.md.

    Raises:
        ValueError: it is not a mapping, or no YAML at all.
    """
    parts = content.replace("\r\n", "\n").split("---\n", 2)
    if len(parts) < 3 or parts[0]:
        return {}
    try:
        metadata = yaml.safe_load(parts[1]) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"The metadata is no YAML: {error}") from error
    if not isinstance(metadata, dict):
        raise ValueError(f"The metadata must be a mapping, but is a {type(metadata).__name__}.")
    return metadata
