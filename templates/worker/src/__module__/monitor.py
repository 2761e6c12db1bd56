"""The monitor: health and metrics over HTTP, from a thread beside the event loop.

Since each question about health is put to the loop, a loop that is blocked is told as such.
"""

import asyncio
import json
import threading
from concurrent.futures import TimeoutError as NoAnswer
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST

from .metrics import Metrics

Missing = Callable[[], Awaitable[list[str]]]


class Monitor:
    """Serves /healthz, /readyz and /metrics until it is stopped."""

    def __init__(
        self, host: str, port: int, metrics: Metrics, missing: Missing, wait_seconds: float = 3
    ) -> None:
        self._metrics = metrics
        self._missing = missing
        self._wait = wait_seconds
        self._loop = asyncio.get_running_loop()
        self._server = ThreadingHTTPServer((host, port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Returns the status, the type and the body for a path."""
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, self._metrics.text()
        if path == "/healthz":
            return self._health(self._nothing)
        if path == "/readyz":
            return self._health(self._missing)
        return _told(404, {"status": "not found"})

    def _health(self, question: Missing) -> tuple[int, str, bytes]:
        async def ask() -> list[str]:
            return await question()

        asked = asyncio.run_coroutine_threadsafe(ask(), self._loop)
        try:
            missing = asked.result(self._wait)
        except NoAnswer:
            asked.cancel()
            return _told(503, {"status": "blocked"})
        if missing:
            return _told(503, {"status": "unavailable", "missing": missing})
        return _told(200, {"status": "ok"})

    async def _nothing(self) -> list[str]:
        return []

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        monitor = self

        class Handler(BaseHTTPRequestHandler):
            server_version = "monitor"
            sys_version = ""
            timeout = 5

            def do_GET(self) -> None:
                status, media_type, body = monitor.answer(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing: what asks here asks often."""

        return Handler


def _told(status: int, content: dict[str, object]) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(content).encode()
