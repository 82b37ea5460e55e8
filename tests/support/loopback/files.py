"""What the loopback Hub answers about the files of a repository: how they are listed, sent, committed and fetched."""

import base64
import hashlib
import json
import re
from urllib.parse import parse_qs

from support.loopback.calls import PAGES, REPOSITORY, REVISION, Answer, Call, endpoint
from support.loopback.store import Commit, Refusal, Repository, content_id, described_file, is_large


@endpoint("GET", f"{REPOSITORY}/tree/{REVISION}(?:/(?P<path>.+))?")
def tree(call: Call, repository: Repository, revision: str, path: str | None) -> list[dict]:
    commit, prefix = repository.at(revision), f"{path}/" if path else ""
    below = [name.split("/") for name in commit.files if name.startswith(prefix)]
    if path and not below:
        raise Refusal(404, f"{path} does not exist on {revision}", "EntryNotFound")
    depth = prefix.count("/") + 1
    deepest = None if call.parameters("recursive") == ["true"] else depth
    entries = {"/".join(parts[:end]) for parts in below for end in range(depth, (deepest or len(parts)) + 1)}
    return [described_entry(commit, entry) for entry in sorted(entries)]


@endpoint("POST", f"{REPOSITORY}/paths-info/{REVISION}")
def paths_info(call: Call, repository: Repository, revision: str) -> list[dict]:
    is_json = call.headers.get("Content-Type", "").startswith("application/json")
    paths = call.json["paths"] if is_json else parse_qs(call.body.decode()).get("paths", [])
    commit = repository.at(revision)
    return [described_entry(commit, path) for path in paths if commit.below(path)]


def described_entry(commit: Commit, path: str) -> dict:
    if path in commit.files:
        described = described_file(path, commit.files[path])
    else:
        described = {"type": "directory", "path": path, "size": 0, "oid": hashlib.sha1(path.encode()).hexdigest()}
    changed = commit.last_change(path)
    return {**described, "lastCommit": {"id": changed.id, "title": changed.title, "date": changed.date}}


@endpoint("POST", f"{REPOSITORY}/preupload/{REVISION}", writes=True)
def preupload(call: Call, repository: Repository, revision: str) -> dict:
    present = repository.at(revision).files

    def asked(path: str, sample: str, size: int) -> dict:
        mode = "lfs" if is_large(path, base64.b64decode(sample), size) else "regular"
        oid = content_id(path, present[path]) if path in present else None
        return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}

    return {"files": [asked(**file) for file in call.json["files"]]}


@endpoint("POST", rf"{PAGES}\.git/info/lfs/objects/batch", writes=True)
def announce_large_files(call: Call, repository: Repository) -> dict:
    def instructions(oid: str, size: int) -> dict:
        if oid in call.store.large:
            return {"oid": oid, "size": size}
        hrefs = {"upload": f"{call.address}/lfs/{oid}", "verify": f"{call.address}/lfs/verify"}
        return {"oid": oid, "size": size, "actions": {name: {"href": href} for name, href in hrefs.items()}}

    return {"transfer": "basic", "objects": [instructions(**large) for large in call.json["objects"]]}


@endpoint("PUT", "/lfs/(?P<oid>[0-9a-f]{64})")
def store_large_file(call: Call, oid: str) -> None:
    if hashlib.sha256(call.body).hexdigest() != oid:
        raise Refusal(400, "What came is not what was announced")
    call.store.large[oid] = call.body


@endpoint("POST", "/lfs/verify")
def verify_large_file(call: Call) -> None:
    if len(call.store.large.get(call.json["oid"], b"")) != call.json["size"]:
        raise Refusal(404, "No such object")


@endpoint("POST", f"{REPOSITORY}/commit/{REVISION}", writes=True)
def commit(call: Call, repository: Repository, revision: str) -> dict:
    if call.parameters("create_pr"):
        raise Refusal(400, "There are no pull requests here")
    if revision not in repository.branches:
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    header, *operations = [json.loads(line) for line in call.body.splitlines()]
    if not repository.branches[revision].startswith(header["value"].get("parentCommit") or ""):
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    files = dict(repository.at(revision).files)
    for operation in operations:
        apply(operation["key"], operation["value"], files, call.store.large)
    title, description = header["value"]["summary"], header["value"].get("description", "")
    made = repository.commit(revision, files, title, description, author=call.user)
    prefix = "" if repository.kind == "model" else f"{repository.kind}s/"
    return {
        "success": True,
        "commitOid": made.id,
        "commitUrl": f"{call.address}/{prefix}{repository.id}/commit/{made.id}",
    }


def apply(operation: str, value: dict, files: dict[str, bytes], large: dict[str, bytes]) -> None:
    """Carries out one line of a commit on the files."""
    path = value["path"]
    if operation == "file":
        files[path] = base64.b64decode(value["content"])
    elif operation == "lfsFile":
        if value["oid"] not in large:
            raise Refusal(400, f"The content of {path} was never uploaded")
        files[path] = large[value["oid"]]
    else:
        gone = [path] if operation == "deletedFile" else [name for name in files if name.startswith(f"{path}/")]
        if not gone or not files.keys() >= set(gone):
            raise Refusal(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
        for name in gone:
            del files[name]


@endpoint("GET", f"{PAGES}/(?:resolve|raw)/{REVISION}/(?P<path>.+)")
def resolve(call: Call, repository: Repository, revision: str, path: str) -> Answer:
    found = repository.at(revision)
    headers = {"X-Repo-Commit": found.id}
    if path not in found.files:
        refusal = Refusal(404, "Entry not found", "EntryNotFound")
        return Answer(refusal.content, refusal.status, refusal.headers | headers)
    content = found.files[path]
    headers |= {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
    headers["ETag"] = f'"{content_id(path, content)}"'
    if is_large(path, content[:512], len(content)):
        headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(content))}
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", call.headers.get("Range", ""))
    if not asked:
        return Answer(content, headers=headers)
    start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
    if start > end:
        return Answer(b"", 416, headers | {"Content-Range": f"bytes */{len(content)}"})
    return Answer(content[start : end + 1], 206, headers | {"Content-Range": f"bytes {start}-{end}/{len(content)}"})
