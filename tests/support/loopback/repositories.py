"""What the loopback Hub answers about users and repositories, their branches and tags."""

from support.loopback.calls import NAME, REPOSITORY, REVISION, Answer, Call, endpoint
from support.loopback.store import Refusal, Repository, card_metadata, described_file


@endpoint("GET", "/api/whoami-v2")
def whoami(call: Call) -> dict:
    if call.user is None:
        raise Refusal(401, "Invalid username or password.")
    memberships = [{"type": "org", "name": name} for name in call.store.memberships(call.user)]
    access = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
    return {"type": "user", "name": call.user, "fullname": call.user, "orgs": memberships, "auth": access}


@endpoint("POST", "/api/repos/create")
def create(call: Call) -> dict:
    wanted = call.json
    kind, namespace = wanted.get("type") or "model", wanted.get("organization") or call.user
    call.store.check_writer(call.user, namespace)
    id = f"{namespace}/{wanted['name']}"
    url = f"{call.address}/{'' if kind == 'model' else f'{kind}s/'}{id}"
    if (kind, id) in call.store.repositories:
        raise Refusal(409, f"You already created this {kind} repo", url=url)
    private = wanted.get("visibility") == "private"
    made = Repository(kind, id, creator=call.user, private=private, sdk=wanted.get("sdk"))
    call.store.repositories[kind, id] = made
    return {"url": url, "name": id}


@endpoint("DELETE", "/api/repos/delete")
def delete(call: Call) -> None:
    kind, id = call.json.get("type") or "model", f"{call.json.get('organization') or call.user}/{call.json['name']}"
    call.store.repository(call.user, kind, id, to_write=True)
    del call.store.repositories[kind, id]


@endpoint("PUT", f"{REPOSITORY}/settings", writes=True)
def change_settings(call: Call, repository: Repository) -> dict:
    repository.private = call.json["visibility"] == "private"
    return {"private": repository.private}


@endpoint("POST", "/api/validate-yaml")
def validate_yaml(call: Call) -> Answer:
    try:
        metadata = card_metadata(call.json["content"])
    except ValueError as error:
        return Answer({"errors": [{"message": str(error)}], "warnings": []}, 400)
    warnings = [] if metadata else [{"message": "empty or missing yaml metadata in repo card"}]
    return Answer({"errors": [], "warnings": warnings})


@endpoint("GET", "/api/(?P<kind>models|datasets|spaces)")
def list_repositories(call: Call, kind: str) -> list[dict]:
    found = [described_repository(repository) for repository in call.store.visible(call.user, kind.removesuffix("s"))]
    for author in call.parameters("author"):
        found = [info for info in found if info["author"] == author]
    for text in call.parameters("search"):
        found = [info for info in found if text.lower() in info["id"].lower()]
    for tag in call.parameters("filter"):
        found = [info for info in found if tag in info["tags"]]
    return found


@endpoint("GET", REPOSITORY)
@endpoint("GET", f"{REPOSITORY}/revision/{REVISION}")
def information(call: Call, repository: Repository, revision: str = "main") -> dict:
    return described_repository(repository, revision, with_sizes=call.parameters("blobs") == ["true"])


def described_repository(repository: Repository, revision: str = "main", *, with_sizes: bool = False) -> dict:
    commit = repository.at(revision)
    try:
        card = card_metadata(commit.files.get("README.md", b"").decode())
    except ValueError:
        card = {}
    from_card = {name: card[name] for name in ("library_name", "pipeline_tag", "model-index") if name in card}
    tags = [from_card[name] for name in ("library_name", "pipeline_tag") if name in from_card]
    tags += card.get("tags") or []
    if "license" in card:
        tags.append(f"license:{card['license']}")
    siblings = []
    for path, content in sorted(commit.files.items()):
        sibling = {"rfilename": path}
        if with_sizes:
            described = described_file(path, content)
            sibling |= {"size": described["size"], "blobId": described["oid"]}
            if "lfs" in described:
                sibling["lfs"] = {**described["lfs"], "sha256": described["lfs"]["oid"]}
        siblings.append(sibling)
    return {
        "id": repository.id,
        "author": repository.namespace,
        "sha": commit.id,
        "private": repository.private,
        "createdAt": repository.created,
        "lastModified": commit.date,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "sdk": repository.sdk,
        "tags": tags,
        "cardData": card,
        "siblings": siblings,
        **from_card,
    }


@endpoint("GET", f"{REPOSITORY}/refs")
def references(call: Call, repository: Repository) -> dict:
    def listed(prefix: str, targets: dict[str, str]) -> list[dict]:
        return [{"name": name, "ref": prefix + name, "targetCommit": target} for name, target in targets.items()]

    branches, tags = listed("refs/heads/", repository.branches), listed("refs/tags/", repository.tags)
    return {"branches": branches, "tags": tags, "converts": [], "pullRequests": []}


@endpoint("GET", f"{REPOSITORY}/commits/{REVISION}")
def commits(call: Call, repository: Repository, revision: str) -> list[dict]:
    def listed(commit) -> dict:
        texts = {"title": commit.title, "message": commit.description, "date": commit.date}
        return {"id": commit.id, **texts, "authors": [{"user": commit.author}]}

    return [listed(commit) for commit in repository.at(revision).history()]


@endpoint("POST", f"{REPOSITORY}/branch/{NAME}", writes=True)
def create_branch(call: Call, repository: Repository, name: str) -> None:
    repository.point(repository.branches, name, call.json.get("startingPoint", "main"))


@endpoint("DELETE", f"{REPOSITORY}/branch/{NAME}", writes=True)
def delete_branch(call: Call, repository: Repository, name: str) -> None:
    if name == "main":
        raise Refusal(403, "The branch main cannot be deleted")
    repository.drop(repository.branches, name)


@endpoint("POST", f"{REPOSITORY}/tag/{REVISION}", writes=True)
def create_tag(call: Call, repository: Repository, revision: str) -> None:
    repository.point(repository.tags, call.json["tag"], revision)


@endpoint("DELETE", f"{REPOSITORY}/tag/{NAME}", writes=True)
def delete_tag(call: Call, repository: Repository, name: str) -> None:
    repository.drop(repository.tags, name)
