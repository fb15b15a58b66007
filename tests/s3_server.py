"""An S3 server in a process of its own on this machine, and a proxy before it that fails when it is told to."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
SILENT = 0
"""Not a status: the client gets no answer at all."""

Verdict = Callable[[str], int | None]
"""Takes "METHOD path"; the status to answer with, SILENT, or None to let the request through."""


COMMAND = Path(sys.executable).with_name("moto_server")
"""This environment's, not any on the PATH: before 5.2.5 moto ends an upload of several parts as S3 does not."""


@contextmanager
def s3_server(log: Path) -> Iterator[int]:
    """The port of a server that lives as long as the block."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = int(free.getsockname()[1])
    with log.open("wb") as output:
        process = subprocess.Popen([str(COMMAND), "-H", HOST, "-p", str(port)], stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while not _is_up(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server does not answer: {log.read_text()}")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def _is_up(port: int) -> bool:
    try:
        return ask(port, "GET", "/moto-api/")[0] == 200
    except OSError:
        return False


def ask(
    port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, list[tuple[str, str]], bytes]:
    """The status, headers and body with which the server answers."""
    connection = HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()


class Proxy(ThreadingHTTPServer):
    """Passes requests on to a port, unless `verdict` says otherwise; `seen` lists them all, `signed` with whose key."""

    daemon_threads = True

    def __init__(self, behind: int) -> None:
        super().__init__((HOST, 0), _Handler)
        self.behind = behind
        self.verdict: Verdict = lambda request: None
        self.seen: list[str] = []
        self.signed: list[str] = []
        self.closing = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def _handle(self) -> None:
        request, body = f"{self.command} {self.path}", self._body()
        self.server.seen.append(request)
        _, _, credential = self.headers.get("Authorization", "").partition("Credential=")
        self.server.signed.append(f"{credential.partition('/')[0]} {request}")
        status = self.server.verdict(request)
        headers: list[tuple[str, str]] = []
        if status == SILENT:
            self.server.closing.wait(60)
            self.close_connection = True
            return
        content = b""
        if status is None:
            passed = {k: v for k, v in self.headers.items() if k.lower() not in {"transfer-encoding", "expect"}}
            status, headers, content = ask(self.server.behind, self.command, self.path, body, passed)
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding", "date", "server"}:
                self.send_header(name, value)
        if "content-length" not in {name.lower() for name, _ in headers}:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, *_: Any) -> None:
        """Tests print nothing."""


@contextmanager
def proxy(behind: int) -> Iterator[Proxy]:
    """A proxy that lives as long as the block."""
    server = Proxy(behind)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
