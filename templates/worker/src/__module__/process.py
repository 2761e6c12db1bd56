"""The process: a worker with its monitor, until a signal stops it."""

import asyncio
import logging
import signal

from .handler import Handler
from .jobs import Source
from .metrics import Metrics
from .monitor import Monitor
from .results import Results
from .settings import Settings
from .worker import Handle, Worker

LOG = logging.getLogger(__name__)


async def run(
    given: Settings, source: Source, results: Results, handle: Handle | None = None
) -> int:
    """Works until SIGTERM or SIGINT, and returns the exit code."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)

    async def missing() -> list[str]:
        answers = {"source": source.ready(), "results": await results.ready()}
        return [name for name, ready in answers.items() if not ready]

    metrics = Metrics()
    monitor = Monitor(given.host, given.port, metrics, missing)
    await results.open()
    await source.open()
    monitor.start()
    LOG.info("working", extra={"fields": {"port": monitor.port}})
    try:
        worker = Worker(
            source, handle or Handler(results), metrics, given.concurrency, given.job_seconds
        )
        await worker.run(stopping, given.shutdown_seconds)
    finally:
        await source.close()
        await results.close()
        # Elsewhere than on the loop, which may have to answer a last question.
        await asyncio.to_thread(monitor.stop)
    LOG.info("stopped")
    return 0
