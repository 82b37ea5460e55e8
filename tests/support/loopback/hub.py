"""A Hub on this machine alone, in memory: what the Hugging Face clients ask of the real one, answered as it answers.

It serves models, datasets and Spaces with their branches, tags, private repositories and large files (by the LFS
protocol, not by xet), gathers them in collections, knows several users, and can be made to fail where a test wants it
to. It has no pull requests, discussions and the like. The clients read their endpoint when they are imported, so tests
use it from child processes:

    with LoopbackHub(users={"token-of-ada": "ada"}) as hub:
        subprocess.run([sys.executable, "-c", code], env=hub.environment(tmp_path), check=True)
        assert hub.files("ada/model")["config.json"]
"""

import json
import os
import re
import sys
import threading
import traceback
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import support.loopback.collections
import support.loopback.files
import support.loopback.repositories  # noqa: F401
from support.loopback.calls import Answer, Call, carry_out
from support.loopback.store import Collection, Refusal, Repository, Store


@dataclass
class Fault:
    """A failure that waits for its request: see [`LoopbackHub.fail`]."""

    method: str
    path: str
    status: int | None
    times: int
    after: int
    body: str | dict | None
    applied: bool

    def answer(self) -> Answer | None:
        if self.status is None:
            return None
        if isinstance(self.body, str):
            return Answer(self.body.encode(), self.status, {"Content-Type": "text/plain; charset=utf-8"})
        return Answer({"error": "A failure made for a test."} if self.body is None else self.body, self.status)


class LoopbackHub:
    """The server, from `with` to the end of its block.

    Args:
        users: the user whom each token stands for. Each may write in the namespace of that name.
        organisations: the members of each organisation, who may write in its namespace.

    Attributes:
        endpoint: where it listens, such as "http://127.0.0.1:40123".
        requests: method and path (unquoted, without the query) of every request, in the order they came.
        faults: the failures that still wait for their requests.
    """

    def __init__(self, users: dict[str, str], organisations: dict[str, list[str]] | None = None):
        self._store = Store(users, organisations or {})
        self._lock = threading.Lock()
        self.requests: list[tuple[str, str]] = []
        self.faults: list[Fault] = []

    def __enter__(self) -> "LoopbackHub":
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        # By default it looks every half second only whether it shall stop.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def environment(self, home: str | Path, token: str | None = "token-of-ada") -> dict[str, str]:
        """The environment for a child process whose Hub is this one, and whose caches are in `home`."""
        foreign = re.compile(r"(HF|HUGGING_?FACE)_.*|.*_PROXY", re.IGNORECASE)
        environment = {name: value for name, value in os.environ.items() if not foreign.fullmatch(name)}
        environment |= {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(home), "OMP_NUM_THREADS": "1"}
        environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_UPDATE_DOWNLOAD_COUNTS": "0"}
        return environment if token is None else environment | {"HF_TOKEN": token}

    def fail(
        self,
        method: str,
        path: str,
        status: int | None = 500,
        times: int = 1,
        after: int = 0,
        body: str | dict | None = None,
        applied: bool = False,
    ) -> None:
        """Lets requests fail.

        Args:
            method: of the requests, such as "POST".
            path: a regular expression, searched in the unquoted path.
            status: what they get; None drops the connection without an answer.
            times: how many requests fail.
            after: how many are let pass before the first that fails, whatever other failures those meet.
            body: the error message: a text as it is, or a dictionary as JSON.
            applied: whether the request is carried out nevertheless, so that only its answer is lost.
        """
        with self._lock:
            self.faults.append(Fault(method, path, status, times, after, body, applied))

    def files(self, repo_id: str, kind: str = "model", revision: str = "main") -> dict[str, bytes]:
        """All files of a repository at a revision; the Hub itself puts `.gitattributes` there."""
        with self._lock:
            return dict(self.repos[kind, repo_id].at(revision).files)

    @property
    def repos(self) -> dict[tuple[str, str], Repository]:
        """The repositories by kind ("model", "dataset", "space") and id."""
        return self._store.repositories

    @property
    def collections(self) -> dict[str, Collection]:
        """The collections by slug."""
        return self._store.collections

    def _answer(self, **request) -> Answer | None:
        call = Call(self._store, self.endpoint, **request)
        with self._lock:
            self.requests.append((call.method, unquote(call.path)))
            fault = self._fault(*self.requests[-1])
            if fault and not fault.applied:
                return fault.answer()
            try:
                answer = carry_out(call)
            except Refusal as refusal:
                answer = Answer(refusal.content, refusal.status, refusal.headers)
            except Exception:  # a mistake of this server's: the test is to see where, not a connection that broke off
                answer = Answer({"error": traceback.format_exc()}, 500)
            return fault.answer() if fault else answer

    def _fault(self, method: str, path: str) -> Fault | None:
        """The failure that this request meets, one time less. The others count it among those they let pass."""
        met = None
        for fault in self.faults:
            if fault.method == method and re.search(fault.path, path):
                if fault.after:
                    fault.after -= 1
                else:
                    met = met or fault
        if met:
            met.times -= 1
            self.faults = [fault for fault in self.faults if fault.times]
        return met


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        # A client that was killed, or hangs up, is what some tests are about.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: sent apart, each answer waits 40 ms for an acknowledgement

    def _respond(self) -> None:
        url = urlsplit(self.path)
        answer = self.server.hub._answer(
            method=self.command, path=url.path, query=url.query, headers=self.headers, body=self._body()
        )
        if answer is None:
            self.close_connection = True
            return
        content = answer.content if isinstance(answer.content, bytes) else json.dumps(answer.content).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_HEAD = do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, *_) -> None:
        """Writes nothing: `requests` has it all."""
