"""The server: Uvicorn, stopped within the time that it is given."""

import asyncio
import signal
from types import FrameType

import uvicorn
from fastapi import FastAPI

from .settings import Settings


def run(app: FastAPI, settings: Settings) -> int:
    """Serves until SIGTERM or SIGINT, lets requests in hand finish, and returns."""
    # Newer Uvicorn raises the signal again once it has stopped; that is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http="h11",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = Server(config, settings.shutdown_seconds)
    server.run()
    return 0 if server.started else 1


class Server(uvicorn.Server):
    """Gives requests in hand a limited time to finish, and cancels those that do not."""

    def __init__(self, config: uvicorn.Config, seconds: float) -> None:
        super().__init__(config)
        self._seconds = seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self._seconds, self._give_up)

    def _give_up(self) -> None:
        for task in list(self.server_state.tasks):
            task.cancel()
