"""Observation: each request has an id, a line in the log and a place in the metrics."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import problems
from .logs import REQUEST_ID
from .metrics import Metrics

HEADER = "X-Request-ID"
LOG = logging.getLogger(__name__)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
QUIET = {"/healthz", "/readyz", "/metrics"}
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Observe:
    """Wraps the application; it must be the outermost middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = REQUEST_ID.set(request_id(scope))
        exchange = _Exchange(send)
        try:
            with self._metrics.in_progress.track_inprogress():
                await self._answer(scope, receive, exchange)
        finally:
            self._record(scope, exchange)
            REQUEST_ID.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        try:
            await self._app(scope, receive, exchange.send)
        except Exception:
            LOG.exception("request failed")
            if exchange.begun:
                raise
            await problems.response(500)(scope, receive, exchange.send)

    def _record(self, scope: Scope, exchange: "_Exchange") -> None:
        seconds = time.perf_counter() - exchange.started
        method = scope["method"] if scope["method"] in METHODS else "other"
        # The pattern of the path, not the path: there are few patterns.
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.requests.labels(method, route, str(exchange.status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        level = logging.DEBUG if scope["path"] in QUIET else logging.INFO
        fields = {
            "method": scope["method"],
            "path": scope["path"],
            "status": exchange.status,
            "milliseconds": round(seconds * 1000, 3),
        }
        LOG.log(level, "request", extra={"fields": fields})


class _Exchange:
    """One request's answer as it goes out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = time.perf_counter()
        self.begun = False
        self.status = 500

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.status = message["status"]
            MutableHeaders(scope=message)[HEADER] = REQUEST_ID.get()
        await self._send(message)


def request_id(scope: Scope) -> str:
    """Returns the id that the caller gave if it is well formed, else a new one."""
    given = Headers(scope=scope).get(HEADER, "")
    return given if WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
