"""An OpenAI-compatible server on this machine that behaves as a test says, and counts its guests.

with Service() as service:                      # answers well
    service.next = [status(429), well("Paris")]  # then as listed; the last one stays
"""

import contextlib
import http.server
import json
import threading
from collections.abc import Callable
from typing import Any

Behaviour = Callable[[Any, dict[str, Any]], None]


def events(*pieces: str, finish: str = "stop", usage: dict[str, int] | None = None) -> bytes:
    """The body of a streamed answer."""
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
        for piece in pieces
    ]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage is not None:
        chunks.append({"choices": [], "usage": usage})
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return ("".join(lines) + "data: [DONE]\n\n").encode()


def reply(
    body: bytes, *, code: int = 200, kind: str = "text/event-stream", **headers: str
) -> Behaviour:
    def behave(handler: Any, _asked: dict[str, Any]) -> None:
        handler.send_response(code)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def well(*pieces: str, **more: Any) -> Behaviour:
    return reply(events(*pieces, **more))


def echo(handler: Any, asked: dict[str, Any]) -> None:
    """What was asked, in two pieces."""
    text = asked["messages"][-1]["content"] if "messages" in asked else asked["prompt"]
    well("You said: ", text, usage={"prompt_tokens": 7, "completion_tokens": 5})(handler, asked)


def status(code: int, body: bytes = b'{"error": {"message": "Too busy"}}', **h: str) -> Behaviour:
    return reply(body, code=code, kind="application/json", **h)


def raw(data: bytes) -> Behaviour:
    """Bytes as they are, headers included; then the connection closes."""

    def behave(handler: Any, _asked: dict[str, Any]) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return behave


def endless(piece: bytes, *, kind: str = "text/event-stream", encoding: str = "") -> Behaviour:
    """The same again and again, until the other side has enough."""

    def behave(handler: Any, _asked: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        if encoding:
            handler.send_header("Content-Encoding", encoding)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(piece)

    return behave


def drip(data: bytes, release: threading.Event) -> Behaviour:
    """The beginning at once, and then nothing until `release`."""

    def behave(handler: Any, _asked: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(data)
        handler.wfile.flush()
        release.wait(60)

    return behave


class Service:
    def __init__(self) -> None:
        self.next: list[Behaviour] = [echo]
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = json.loads(body)
                with outer._lock:
                    outer.asked.append(asked)
                    outer.headers.append(dict(self.headers))
                    outer.paths.append(self.path)
                    behave = outer.next.pop(0) if len(outer.next) > 1 else outer.next[0]
                with contextlib.suppress(OSError):
                    behave(self, asked)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.base_url = f"http://{self.host}/v1"

    def __enter__(self) -> "Service":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
