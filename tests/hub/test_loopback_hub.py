"""The loopback Hub, by what the real client makes of it."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest


CLIENT = """
import json, os, sys
from pathlib import Path
from huggingface_hub import HfApi, hf_hub_download, snapshot_download

api = HfApi()

def error_of(action, *arguments, **options):
    try:
        action(*arguments, **options)
    except Exception as error:
        return [type(error).__name__, getattr(getattr(error, "response", None), "status_code", None), str(error)]

def write(content, path, repo_id="ada/x", **options):
    return api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo_id, **options).oid
"""


@pytest.fixture
def ask(hub, tmp_path):
    """Runs code with a client of the Hub in a child process, and returns what it leaves in `result`."""

    def ask(code: str, token: str | None = "token-of-ada"):
        # Not every warning: the client itself sends large files by a deprecated call of its HTTP library.
        command = [sys.executable, "-W", "error::UserWarning", "-c", f"{CLIENT}{code}\nprint(json.dumps(result))"]
        environment = hub.environment(tmp_path / "home", token=token)
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


def test_a_folder_goes_up_and_comes_down(hub, ask, tmp_path):
    files = {
        "README.md": b"---\nlicense: apache-2.0\ntags: [small]\nlibrary_name: transformers\n---\nA card.\n",
        "model.safetensors": bytes(range(256)) * 64,
        "checkpoints/step 50/notes.txt": b"early",
        "empty.bin": b"",
    }
    for path, content in files.items():
        (tmp_path / "folder" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / path).write_bytes(content)
    result = ask("""
api.create_repo("ada/x", private=True)
oids = [api.upload_folder(repo_id="ada/x", folder_path="folder", commit_message="All of it").oid for _ in range(2)]
info = api.model_info("ada/x", files_metadata=True)
stored = {one.rfilename: one.lfs and one.lfs.sha256 for one in info.siblings}
entries = list(api.list_repo_tree("ada/x", recursive=True, expand=True))
snapshot = snapshot_download("ada/x")
result = {
    "oids": oids,
    "info": [info.sha, info.private, info.tags, info.card_data.license],
    "large": [path for path in stored if stored[path]],
    "tree": {one.path: one.last_commit.title for one in entries},
    "top": [one.path for one in api.list_repo_tree("ada/x", "checkpoints")],
    "paths": [one.path for one in api.get_paths_info("ada/x", ["checkpoints", "empty.bin", "nothing"])],
    "downloaded": {path: Path(snapshot, path).read_bytes().hex() for path in api.list_repo_files("ada/x")},
    "whoami": api.whoami()["orgs"][0]["name"],
}
""")
    hubs_own = hub.files("ada/x")
    assert hubs_own.pop(".gitattributes")
    assert hubs_own == files
    repo = hub.repos["model", "ada/x"]
    assert repo.commits() == ["initial commit", "All of it"]  # the second upload had nothing to change
    assert result["oids"] == [repo.branches["main"]] * 2
    assert result["info"] == [
        repo.branches["main"],
        True,
        ["transformers", "small", "license:apache-2.0"],
        "apache-2.0",
    ]
    assert result["large"] == ["model.safetensors"]
    downloaded = {path: bytes.fromhex(content) for path, content in result["downloaded"].items()}
    assert downloaded == hub.files("ada/x")
    tree = dict.fromkeys([*files, "checkpoints", "checkpoints/step 50"], "All of it") | {
        ".gitattributes": "initial commit"
    }
    assert result["tree"] == tree
    assert (result["top"], result["paths"]) == (["checkpoints/step 50"], ["checkpoints", "empty.bin"])
    assert result["whoami"] == "lab"


def test_branches_and_tags_keep_what_they_pointed_to(hub, ask):
    result = ask("""
api.create_repo("ada/x")
first = write(b"1", "step.txt", commit_message="One")
api.create_branch("ada/x", branch="steps/50", revision=first)
api.create_tag("ada/x", tag="early", revision="steps/50")
write(b"2", "step.txt", commit_message="Two", revision="steps/50")
api.delete_file("step.txt", "ada/x", commit_message="None")
revisions = ["early", "steps/50", first]
refs = api.list_repo_refs("ada/x")
result = {
    "texts": [Path(hf_hub_download("ada/x", "step.txt", revision=one)).read_text("utf-8") for one in revisions],
    "titles": [one.title for one in api.list_repo_commits("ada/x", revision="steps/50")],
    "refs": [[one.name for one in refs.branches], [one.name for one in refs.tags]],
    "errors": [
        error_of(api.create_branch, "ada/x", branch="steps/50"),
        error_of(api.create_tag, "ada/x", tag="early"),
        error_of(write, b"3", "step.txt", revision="early"),
        error_of(write, b"3", "step.txt", revision="nowhere"),
        error_of(hf_hub_download, "ada/x", "step.txt"),
        error_of(hf_hub_download, "ada/x", "step.txt", revision="nowhere"),
        error_of(api.delete_file, "step.txt", "ada/x"),
        error_of(write, b"3", "step.txt", parent_commit=first),
    ],
}
api.create_branch("ada/x", branch="steps/50", exist_ok=True)
api.create_tag("ada/x", tag="early", exist_ok=True)
api.delete_tag("ada/x", tag="early")
api.delete_branch("ada/x", branch="steps/50")
""")
    assert result["texts"] == ["1", "2", "1"]
    assert result["titles"] == ["Two", "One", "initial commit"]
    assert result["refs"] == [["main", "steps/50"], ["early"]]
    assert [error[:2] for error in result["errors"]] == [
        ["HfHubHTTPError", 409],
        ["HfHubHTTPError", 409],
        ["RevisionNotFoundError", 404],
        ["RevisionNotFoundError", 404],
        ["RemoteEntryNotFoundError", 404],
        ["RevisionNotFoundError", 404],
        ["RemoteEntryNotFoundError", 404],
        ["HfHubHTTPError", 412],
    ]
    repo = hub.repos["model", "ada/x"]
    assert (list(repo.branches), repo.tags) == (["main"], {})
    assert repo.commits() == ["initial commit", "One", "None"]


def test_others_see_a_private_repository_once_it_is_public_and_never_write_it(hub, ask):
    private = ask("""
api.create_repo("lab/x", repo_type="dataset", private=True)
write(b"1", "a.txt", "lab/x", repo_type="dataset")
result = [
    [[one.id for one in api.list_datasets(author="lab", token=token)] for token in (None, "token-of-bob", False)],
    error_of(api.dataset_info, "lab/x", token="token-of-bob"),
    error_of(hf_hub_download, "lab/x", "a.txt", repo_type="dataset", token=False),
    error_of(api.dataset_info, "lab/x", token="made-up"),
    error_of(api.create_repo, "bob/x"),
    error_of(api.create_repo, "lab/x", repo_type="dataset"),
]
api.update_repo_settings("lab/x", repo_type="dataset", private=False)
""")
    assert private[0] == [["lab/x"], [], []]
    assert [error[:2] for error in private[1:]] == [
        ["RepositoryNotFoundError", 404],
        ["RepositoryNotFoundError", 404],
        ["HfHubHTTPError", 401],
        ["HfHubHTTPError", 403],
        ["HfHubHTTPError", 409],
    ]
    public = ask(
        """
result = [
    api.dataset_info("lab/x").private,
    error_of(write, b"2", "a.txt", "lab/x", repo_type="dataset"),
    error_of(api.delete_repo, "lab/x", repo_type="dataset"),
    error_of(write, b"2", "a.txt", "lab/x", repo_type="dataset", token=False),
    error_of(api.whoami, token="made-up"),
]
""",
        token="token-of-bob",
    )
    assert public[0] is False
    assert [error[1] for error in public[1:]] == [403, 403, 401, 401]
    assert hub.files("lab/x", kind="dataset")["a.txt"] == b"1"
    assert ask('api.delete_repo("lab/x", repo_type="dataset")\nresult = None') is None
    assert hub.repos == {}


def test_a_collection_gathers_what_is_there_for_those_who_may_see_it(hub, ask):
    first = ask("""
api.create_repo("lab/x", private=True)
made = api.create_collection("Two Things", namespace="lab", description="Ours.", private=True)
same = api.create_collection("Two Things", namespace="lab", private=True, exists_ok=True)
for exists_ok in (False, True):
    filled = api.add_collection_item(made.slug, "lab/x", "model", exists_ok=exists_ok)
result = [
    made.slug,
    [same.slug, same.description, same.private],
    [[item.item_id, item.item_type, item.position] for item in filled.items],
    error_of(api.create_collection, "Two Things", namespace="lab"),
    error_of(api.create_collection, "Mine", namespace="bob"),
    error_of(api.add_collection_item, made.slug, "lab/x", "model"),
    error_of(api.add_collection_item, made.slug, "lab/y", "model"),
    error_of(api.get_collection, made.slug, token="token-of-bob"),
]
result.append(api.update_collection_metadata(made.slug, private=False).private)
result.append(len(api.get_collection(made.slug, token="token-of-bob").items))
result.append(error_of(api.update_collection_metadata, made.slug, private=True, token="token-of-bob"))
""")
    slug, same, items, *errors, private, seen, written = first
    assert same == [slug, "Ours.", True]
    assert items == [["lab/x", "model", 0]]
    assert [error[1] for error in errors] == [409, 403, 409, 404, 404]
    assert (private, seen, written[1]) == (False, 1, 403)
    assert hub.collections[slug].items == [("model", "lab/x")]


def test_failures_come_where_they_were_ordered(hub, ask):
    hub.fail("POST", r"/commit/main$", status=500, body={"error": "out of space"})
    hub.fail("POST", r"/commit/", status=503, body="as text", after=1)
    hub.fail("POST", r"/commit/", status=None, applied=True, after=1)
    hub.fail("POST", r"/commit/", status=None)
    hub.fail("POST", r"/repos/create", status=429)
    hub.fail("DELETE", "/never/asked")
    result = ask("""
result = [error_of(api.create_repo, "ada/x")]
api.create_repo("ada/x")
result += [error_of(write, b"%d" % number, f"{number}.txt") for number in range(5)]
""")
    assert [error and error[:2] for error in result] == [
        ["HfHubHTTPError", 429],
        ["HfHubHTTPError", 500],
        ["HfHubHTTPError", 503],
        ["RemoteProtocolError", None],
        ["RemoteProtocolError", None],
        None,
    ]
    assert "out of space" in result[1][2]
    assert "as text" in result[2][2]
    assert set(hub.files("ada/x")) == {".gitattributes", "2.txt", "4.txt"}
    assert [fault.path for fault in hub.faults] == ["/never/asked"]
    assert hub.requests.count(("POST", "/api/models/ada/x/commit/main")) == 5


def test_what_the_client_tries_again_by_itself(hub, ask):
    hub.fail("POST", "/preupload/", status=503)
    hub.fail("PUT", "/lfs/", status=None)
    assert ask('api.create_repo("ada/x")\nresult = bool(write(b"1", "model.safetensors"))')
    assert hub.faults == []
    assert hub.files("ada/x")["model.safetensors"] == b"1"


def test_cards_are_checked_as_the_hub_checks_them(ask):
    result = ask("""
api.create_repo("ada/x")
cards = [b"# No metadata", b"---\\ntags: [\\n---\\n", b"---\\nlicense: apache-2.0\\n---\\n# Good"]
result = [error_of(write, card, "README.md") for card in cards]
""")
    assert [error and error[0] for error in result] == ["UserWarning", "ValueError", None]


def test_parts_of_a_file_and_many_writers_at_once(hub, ask):
    with ThreadPoolExecutor(4) as pool:
        ask('api.create_repo("ada/x")\nresult = write(bytes(range(256)), "all.bin")')
        codes = [f'result = [write(b"1", f"{number}-{{i}}") for i in range(3)]' for number in range(4)]
        assert len({oid for oids in pool.map(ask, codes) for oid in oids}) == 12
    assert len(hub.files("ada/x")) == 2 + 12
    assert ask("""
from huggingface_hub import get_session
url = f"{api.endpoint}/ada/x/resolve/main/all.bin"
answers = [get_session().get(url, headers={"Range": f"bytes={asked}"}) for asked in ("3-5", "254-", "256-")]
result = [[one.status_code, list(one.content)] for one in answers]
""") == [[206, [3, 4, 5]], [206, [254, 255]], [416, []]]


def test_the_environment_of_a_child_leads_nowhere_else(hub, monkeypatch):
    foreign = ["HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "HUGGING_FACE_HUB_TOKEN", "https_proxy"]
    for name in foreign:
        monkeypatch.setenv(name, "1")
    environment = hub.environment("home", token=None)
    assert not set(foreign) & set(environment)
    assert (environment["HF_ENDPOINT"], environment["HF_HOME"]) == (hub.endpoint, "home")
    assert hub.environment("home")["HF_TOKEN"] == "token-of-ada"
