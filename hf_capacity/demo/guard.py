"""What the page's server answers: requests of its own page on this machine, and nothing that a page needs not."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


OWN_HOST = re.compile(r"(?:127\.0\.0\.1|localhost)(?::[0-9]+)?")
# Nothing that a study names is fetched from elsewhere. Gradio's page needs its own inline scripts and styles.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "frame-src 'none'; frame-ancestors 'none'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
# Ways in for files, and out: Gradio has them for whatever page, and this one has no file.
CLOSED = re.compile(
    r"(?:/gradio_api)?/(?:upload|upload_progress|file|file=.*|file/.*|proxy=.*|stream/.*|component_server|"
    r"process_recording|custom_component/.*|(?:undo-)?vibe-.*|dev/.*|profiling/.*|run-history/.*|deep_link)/?"
)


class Guard:
    """Refuses foreign hosts, foreign origins and files; ASGI middleware.

    Args:
        app: What answers the rest.
        is_public: Whether everybody may ask, from within any other page, as Spaces are shown: it refuses files alone.
    """

    def __init__(self, app: ASGIApp, is_public: bool = False):
        self.app, self.is_public = app, is_public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        fault = _fault(scope, self.is_public)
        if fault and scope["type"] == "http":
            await PlainTextResponse(fault, status_code=403)(scope, receive, send)
        elif not fault and scope["type"] == "http":
            await self.app(scope, receive, send if self.is_public else _with_policy(send))
        else:
            await send({"type": "websocket.close", "code": 1008})  # the page has none


def _fault(scope: Scope, is_public: bool) -> str:
    headers = Headers(scope=scope)
    hosts = headers.getlist("host")
    if not is_public and (len(hosts) != 1 or not OWN_HOST.fullmatch(hosts[0])):
        return "This page is for its own machine: open it by the address that `hf-capacity demo` printed."
    if not is_public and any(origin != f"http://{hosts[0]}" for origin in headers.getlist("origin")):
        return "Another page may not ask this one."
    if CLOSED.fullmatch(scope["path"]):
        return "This page takes and gives no files."
    return "" if scope["type"] == "http" else "This page has no sockets."


def _with_policy(send: Send) -> Send:
    async def send_with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = POLICY
            headers["Referrer-Policy"] = "no-referrer"
            headers["X-Content-Type-Options"] = "nosniff"
        await send(message)

    return send_with_policy
