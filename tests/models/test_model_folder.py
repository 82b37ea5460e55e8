"""Where a model comes from, and what is refused before any of it is read; the Hub is the loopback one."""

import json

import huggingface_hub.constants
import pytest
from support.loopback.store import Refusal, Repository

from hf_capacity.models.folder import model_folder


FILES = {
    "config.json": b'{"model_type": "gpt2"}',
    "tokenizer.json": b'{"model": {}}',
    "tokenizer_config.json": b"{}",
    "merges.txt": b"a b",
    "spiece.model": b"pieces",
    "task.json": b'{"task": {}}',
    "model.safetensors": b"weights",
}
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
SHARDED = {name: content for name, content in FILES.items() if name != "model.safetensors"} | {
    "model.safetensors.index.json": json.dumps({"weight_map": dict(zip("ab", SHARDS, strict=True))}).encode(),
    **{name: name.encode() for name in SHARDS},
}
OTHERS = {  # what a repository may hold beside them
    "README.md": b"# A model",
    "modeling.py": b"raise SystemExit",
    "pytorch_model.bin": b"pickle",
    "training_args.bin": b"pickle",
    "consolidated.safetensors": b"the same weights",
    "onnx/model.onnx": b"and again",
    "step-50/model.safetensors": b"others",
}


def without(name, files=FILES):
    return {other: content for other, content in files.items() if other != name}


PICKLED = without("model.safetensors") | {"pytorch_model.bin": b"pickle", "model.ckpt": b"pickle"}
ASKS_FOR_CODE = {
    "config.json": FILES | {"config.json": b'{"auto_map": {"AutoModelForCausalLM": "modeling.Model"}}'},
    "tokenizer_config.json": FILES | {"tokenizer_config.json": b'{"auto_map": {"AutoTokenizer": ["t.T", null]}}'},
}


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("files", [FILES, SHARDED, FILES | OTHERS])
def test_a_folder_is_itself(tmp_path, files):
    assert model_folder(write(tmp_path, files)) == tmp_path


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (without("config.json"), "is no model: it has no config.json"),
        (PICKLED, "has no model.safetensors: pickled weights are not read, for they can run code"),
        (ASKS_FOR_CODE["config.json"], r"wants to run code of its own \(`auto_map` in config.json\)"),
        (ASKS_FOR_CODE["tokenizer_config.json"], r"wants to run code .* \(`auto_map` in tokenizer_config.json\)"),
        (FILES | {"config.json": b"{"}, "cannot be loaded .*: its config.json is not whole JSON"),
        (FILES | {"tokenizer_config.json": b"[1]"}, "its tokenizer_config.json is not whole JSON"),
        (without(SHARDS[1], SHARDED), f"is not whole: {SHARDS[1]}, which model.safetensors.index.json names, is"),
        *(
            (SHARDED | {"model.safetensors.index.json": index}, "does not name files of safetensors beside it")
            for index in (
                b"{}",
                b'{"weight_map": {"a": "pytorch_model.bin"}}',
                b'{"weight_map": {"a": "../model.safetensors"}}',
                b'{"weight_map": {"a": 1}}',
            )
        ),
    ],
)
def test_what_is_unsafe_or_not_whole_is_refused(tmp_path, files, message):
    with pytest.raises(ValueError, match=message):
        model_folder(write(tmp_path, files))


def test_a_state_of_a_model_is_named_once(tmp_path):
    write(tmp_path, FILES)
    write(tmp_path / "step-50", FILES)
    assert model_folder(tmp_path, step=50) == tmp_path / "step-50"
    with pytest.raises(ValueError, match=r"`--revision` \(=seed-2\) is for models on the Hub, and .* is a folder"):
        model_folder(tmp_path, revision="seed-2")
    for source in (tmp_path, "ada/model"):
        with pytest.raises(ValueError, match=r"`--step` \(=50\) and `--revision` \(=main\) both name a state"):
            model_folder(source, step=50, revision="main")


@pytest.fixture
def publish(hub, tmp_path, monkeypatch):
    """Puts files at a revision of `ada/model`; the clients of this process talk to the loopback Hub."""
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "token-of-ada")

    def publish(files, tag=None, private=False):
        repository = Repository("model", "ada/model", creator="ada", private=private)
        repository = hub.repos.setdefault(("model", "ada/model"), repository)
        repository.commit("main", files, "All of it", "", "ada")
        if tag:
            repository.point(repository.tags, tag, "main")

    return publish


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fetched(hub):
    return {path.rsplit("/", 1)[1] for method, path in hub.requests if method == "GET" and "/resolve/" in path}


@pytest.mark.parametrize("files", [FILES, SHARDED])
def test_of_a_repository_only_the_model_is_fetched(hub, publish, files):
    publish(files | OTHERS, private=True)
    assert contents(model_folder("ada/model")) == files
    assert fetched(hub) == set(files)


def test_a_branch_or_a_tag_is_a_state_of_the_model(publish):
    states = {name: FILES | {"model.safetensors": name.encode()} for name in ("step-50", "seed-2", "main")}
    for name, files in states.items():
        publish(files, tag=None if name == "main" else name)
    assert contents(model_folder("ada/model")) == states["main"]
    assert contents(model_folder("ada/model", step=50)) == states["step-50"]
    assert contents(model_folder("ada/model", revision="seed-2")) == states["seed-2"]
    with pytest.raises(ValueError, match="ada/model has no revision 'step-51' on the Hub: name a branch or tag"):
        model_folder("ada/model", step=51)


@pytest.mark.parametrize(
    ("files", "message", "downloaded"),
    [
        (PICKLED, "has no model.safetensors: pickled weights are not read", set()),
        (without("config.json"), "ada/model is no model: it has no config.json", set()),
        *(
            (files, f"ada/model wants to run code of its own .* in {name}", set(without("model.safetensors")))
            for name, files in ASKS_FOR_CODE.items()
        ),
    ],
)
def test_what_is_unsafe_is_refused_before_its_weights_are_fetched(hub, publish, files, message, downloaded):
    publish(files | {"modeling.py": b"raise SystemExit"})
    with pytest.raises(ValueError, match=message):
        model_folder("ada/model")
    assert fetched(hub) == downloaded


def test_what_was_downloaded_before_will_do_without_a_network(hub, publish, monkeypatch):
    publish(FILES | OTHERS, tag="seed-2")
    folder = model_folder("ada/model", revision="seed-2")
    hub.fail("GET", "/api/models", status=None, times=99)
    assert model_folder("ada/model", revision="seed-2") == folder
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert model_folder("ada/model", revision="seed-2") == folder
    assert contents(folder) == FILES
    with pytest.raises(ValueError, match="HF_HUB_OFFLINE is set, and it was not downloaded before"):
        model_folder("ada/other")


@pytest.mark.parametrize(
    ("source", "token", "status", "reason"),
    [
        ("ada/none", "token-of-ada", None, "not found, or private. Log in with `hf auth login` or set HF_TOKEN"),
        ("ada/model", "token-of-bob", None, "not found, or private. Log in with `hf auth login` or set HF_TOKEN"),
        ("ada/model", "token-of-eve", None, "not found, or private. Log in with `hf auth login` or set HF_TOKEN"),
        ("ada/model", "token-öf-ada", None, "HF_TOKEN has characters that no token has"),
        ("ada/model", "token-of-ada", 403, "not found, or private"),
        ("ada/model", "token-of-ada", 503, "the Hub answers with status 503. Try again later"),
        ("a/b/c", "token-of-ada", None, "names there look like user/model"),
    ],
)
def test_why_the_hub_gives_no_model_is_said_in_a_line_without_the_token(
    hub, publish, monkeypatch, source, token, status, reason
):
    publish(FILES, private=True)
    monkeypatch.setenv("HF_TOKEN", token)
    if status:
        hub.fail("GET", "/api/models", status=status, times=99, body={"error": f"refused to Bearer {token}"})
    expected = f"^'{source}' is no folder, and no model on the Hub that can be reached: {reason}"
    with pytest.raises(ValueError, match=expected) as caught:
        model_folder(source)
    assert "\n" not in str(caught.value)
    assert token not in str(caught.value)


def test_a_gated_model_is_to_be_asked_for(publish, monkeypatch):
    def gated(self, revision):
        raise Refusal(403, "Access to model ada/model is restricted", "GatedRepo")

    publish(FILES)
    monkeypatch.setattr(Repository, "at", gated)
    with pytest.raises(
        ValueError, match="ask for access on its page there, and log in with `hf auth login` or set HF"
    ):
        model_folder("ada/model")


def test_a_hub_that_is_not_there_is_told_from_a_model_that_is_not(publish, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        ValueError, match=r"the Hub does not answer \(ConnectError\), and it was not downloaded before"
    ):
        model_folder("ada/model")
