"""The worker: takes jobs, has them handled, and stops without losing one."""

import asyncio
import logging
import time
from typing import Any, Awaitable, Callable, Coroutine, TypeVar

from .jobs import Job, Rejected, Source, Unavailable
from .logs import JOB_ID
from .metrics import Metrics

ATTEMPTS = 2
LOG = logging.getLogger(__name__)
PAUSE_SECONDS = 1.0
SETTLE_SECONDS = 5.0

T = TypeVar("T")
Handle = Callable[[Job], Awaitable[None]]


class Worker:
    """Handles jobs of one source, a bounded number at a time."""

    def __init__(
        self,
        source: Source,
        handle: Handle,
        metrics: Metrics,
        concurrency: int = 1,
        job_seconds: float = 60,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._source = source
        self._handle = handle
        self._metrics = metrics
        self._concurrency = concurrency
        self._job_seconds = job_seconds
        self._pause = pause_seconds

    async def run(self, stopping: asyncio.Event, shutdown_seconds: float) -> None:
        """Works until `stopping` is set; then what is in hand has a limited time.

        What is not finished by then is cancelled and given back.
        """
        takers = {asyncio.create_task(self._take(stopping)) for _ in range(self._concurrency)}
        await stopping.wait()
        _, late = await asyncio.wait(takers, timeout=shutdown_seconds)
        if late:
            LOG.warning("giving back what is in hand", extra={"fields": {"jobs": len(late)}})
            for taker in late:
                taker.cancel()
            await asyncio.wait(late, timeout=SETTLE_SECONDS)

    async def _take(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                job = await _unless(stopping, self._source.next())
                if job is not None:
                    await self._work(job)
            except Exception:
                LOG.exception("cannot take or settle a job")
                await _unless(stopping, asyncio.sleep(self._pause))

    async def _work(self, job: Job) -> None:
        token = JOB_ID.set(job.id)
        started = time.perf_counter()
        try:
            with self._metrics.in_progress.track_inprogress():
                outcome = await self._outcome(job)
            self._metrics.jobs.labels(outcome).inc()
            self._metrics.seconds.observe(time.perf_counter() - started)
            LOG.info("job", extra={"fields": {"outcome": outcome, "attempt": job.attempt}})
        finally:
            JOB_ID.reset(token)

    async def _outcome(self, job: Job) -> str:
        try:
            await self._attempt(job)
        except asyncio.CancelledError:
            self._metrics.jobs.labels("returned").inc()
            await job.give_back()
            raise
        except Rejected as error:
            LOG.warning("job rejected", extra={"fields": {"why": str(error)}})
            await job.reject()
            return "rejected"
        except Exception:
            LOG.exception("job failed")
            if job.attempt < ATTEMPTS:
                await job.give_back()
                return "retried"
            await job.reject()
            return "failed"
        await job.finish()
        return "done"

    async def _attempt(self, job: Job) -> None:
        if not job.id:
            raise Rejected("the job has no id, by which it could be known again")
        while True:
            try:
                async with asyncio.timeout(self._job_seconds):
                    await self._handle(job)
                return
            except Unavailable as error:
                LOG.warning("job waits", extra={"fields": {"why": str(error)}})
                await asyncio.sleep(self._pause)


async def _unless(stopping: asyncio.Event, waiting: Coroutine[Any, Any, T]) -> T | None:
    """Waits for one thing, but no longer than until the stop."""
    wanted = asyncio.create_task(waiting)
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({wanted, stop}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
        wanted.cancel()
    await asyncio.wait({wanted})
    return None if wanted.cancelled() else wanted.result()
