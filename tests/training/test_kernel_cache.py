"""A built kernel is code: it is loaded only where nobody else can have put it, and only as it was built."""

import hashlib
import os
import shutil
import subprocess

import pytest

from hf_capacity.training.kernel import KernelFault, shared_object, window_loss_library
from hf_capacity.training.steps import implementation_fault


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A cache in which the kernel has been built: a copy of the user's."""
    window_loss_library()
    cache = tmp_path_factory.mktemp("cache")
    shutil.copytree(shared_object._folder(), cache / "hf_capacity")
    return cache


@pytest.fixture
def cache(built, tmp_path, monkeypatch):
    """A copy of that cache, and a compiler whose builds are counted and cost nothing: it copies what was built."""
    copy = shutil.copytree(built, tmp_path / "cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(copy))
    monkeypatch.setattr(shared_object, "builds", [], raising=False)
    whole = next(built.glob("hf_capacity/*.so"))

    def build(path):
        shared_object.builds.append(path)
        shutil.copy(whole, path)
        path.with_suffix(".sha256").write_text(hashlib.sha256(whole.read_bytes()).hexdigest(), encoding="utf-8")

    monkeypatch.setattr(shared_object, "_build", build)
    window_loss_library.cache_clear()
    yield copy / "hf_capacity"
    window_loss_library.cache_clear()


def test_what_was_built_is_found_again(cache):
    assert window_loss_library().instruction_set in (*shared_object.INSTRUCTION_SETS, "-")
    assert shared_object.builds == []


def spoiled(change):
    def spoil(folder):
        for path in folder.glob("*.so"):
            change(path)

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        spoiled(lambda path: path.write_bytes(path.read_bytes()[:4096])),  # SIGBUS, were it loaded
        spoiled(lambda path: path.write_bytes(b"")),
        spoiled(lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!")),
        spoiled(lambda path: path.with_suffix(".sha256").unlink()),
        spoiled(lambda path: path.with_suffix(".sha256").write_bytes(b"\xff")),
        spoiled(lambda path: path.chmod(0o666)),
        spoiled(lambda path: path.replace(path.with_suffix(".x")) and path.symlink_to(path.with_suffix(".x"))),
    ],
)
def test_what_is_not_as_it_was_built_is_built_again(cache, spoil):
    spoil(cache)
    window_loss_library()
    assert len(shared_object.builds) == 1
    assert shared_object.builds[0].parent == cache


@pytest.mark.parametrize("where", ["folder", "parent"])
def test_where_others_can_write_nothing_is_taken_from(cache, caplog, where):
    (cache if where == "folder" else cache.parent).chmod(0o777)
    window_loss_library()
    assert [path.parent.stat().st_mode & 0o777 for path in shared_object.builds] == [0o700]
    assert shared_object.builds[0].parent != cache
    assert "others can write in" in caplog.text
    assert "the kernel is built for this process alone" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_files_are_not_loaded(cache):
    for path in cache.glob("*.so"):
        os.chown(path, 12345, 12345)
    window_loss_library()
    assert len(shared_object.builds) == 1
    os.chown(cache, 12345, 12345)
    window_loss_library.cache_clear()
    window_loss_library()
    assert shared_object.builds[1].parent != cache


def test_another_library_is_a_fault_in_a_line(cache, monkeypatch, tmp_path):
    (tmp_path / "other.cpp").write_text("int other() { return 1; }", encoding="utf-8")

    def build(path):
        subprocess.run(["g++", "-shared", "-fPIC", str(tmp_path / "other.cpp"), "-o", str(path)], check=True)

    monkeypatch.setattr(shared_object, "_build", build)
    shutil.rmtree(cache)
    assert "undefined symbol: window_loss" in implementation_fault("fused")


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("sleep 60", "does not end: it was stopped after 1 seconds"),
        ("printf '\\377\\376 broken' >&2; exit 1", "fails: �� broken"),
        ("exit 0", "ended without an error and built nothing"),
        ("kill -SEGV $$", "fails: "),
    ],
)
def test_a_compiler_that_misbehaves_is_a_fault_in_a_line(tmp_path, monkeypatch, script, fault):
    compiler = tmp_path / "cc"
    compiler.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(shared_object, "SECONDS_TO_BUILD", 1)
    window_loss_library.cache_clear()
    with pytest.raises(KernelFault, match=fault):
        window_loss_library()


def test_a_compiler_may_have_arguments(cache, monkeypatch):
    monkeypatch.setenv("CXX", f"{shutil.which('env')} g++ -m64")
    assert window_loss_library().compiler.startswith("env g++ -m64 ")
    monkeypatch.setenv("CXX", "'unclosed")
    window_loss_library.cache_clear()
    with pytest.raises(KernelFault, match="no C"):
        window_loss_library()
