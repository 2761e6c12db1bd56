"""RabbitMQ: a queue whose messages are jobs."""

import asyncio
import logging

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from yarl import URL

from . import NAME

QUEUE = f"{NAME}.jobs"
DEAD = f"{NAME}.jobs.dead"
LOG = logging.getLogger(__name__)
FAILURES = (aio_pika.exceptions.AMQPException, asyncio.TimeoutError, OSError, RuntimeError)


class RabbitJob:
    """A message that is not yet acknowledged."""

    def __init__(self, message: AbstractIncomingMessage) -> None:
        self._message = message
        self.id = message.message_id or ""
        self.body = message.body
        self.attempt = 2 if message.redelivered else 1

    async def finish(self) -> None:
        await self._message.ack()

    async def give_back(self) -> None:
        await self._message.nack(requeue=True)

    async def reject(self) -> None:
        await self._message.reject(requeue=False)


class RabbitSource:
    """A durable queue, and beside it one for messages that were set aside.

    Where an exchange is named, the queue is bound to it. A connection that is lost is made
    again; the broker then delivers anew what was not acknowledged.
    """

    def __init__(
        self,
        url: str,
        password: str = "",
        exchange: str = "",
        key: str = "#",
        prefetch: int = 1,
        queue: str = QUEUE,
        dead: str = DEAD,
        wait_seconds: float = 5.0,
        retry_seconds: float = 1.0,
    ) -> None:
        self._url = URL(url).with_password(password) if password else URL(url)
        self._exchange, self._key = exchange, key
        self._prefetch = prefetch
        self._queue, self._dead = queue, dead
        self._wait, self._retry = wait_seconds, retry_seconds
        self._jobs: asyncio.Queue[RabbitJob] = asyncio.Queue()
        self._lost = asyncio.Event()
        self._ready = False
        self._connecting: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begins to connect. A broker that is away makes the worker unready only."""
        self._connecting = asyncio.create_task(self._stay_connected())

    async def close(self) -> None:
        if self._connecting:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)

    def ready(self) -> bool:
        return self._ready

    async def next(self) -> RabbitJob:
        return await self._jobs.get()

    async def _stay_connected(self) -> None:
        task = asyncio.current_task()
        # A connection that fails while it is closed can hide the cancellation.
        while task and not task.cancelling():
            try:
                await self._connected()
                LOG.warning("queue: connection lost")
            except FAILURES as error:
                LOG.warning("queue: no connection", extra={"fields": {"error": repr(error)}})
            await asyncio.sleep(self._retry)

    async def _connected(self) -> None:
        self._lost.clear()
        connection = await aio_pika.connect(self._url, timeout=self._wait)
        async with connection:
            connection.close_callbacks.add(self._lose)
            channel = await connection.channel()
            channel.close_callbacks.add(self._lose)
            await channel.set_qos(prefetch_count=self._prefetch)
            queue = await self._declare(channel)
            await queue.consume(self._arrived)
            self._ready = True
            LOG.info("queue: connected")
            try:
                await self._lost.wait()
            finally:
                self._lose()

    async def _declare(self, channel: AbstractChannel) -> AbstractQueue:
        await channel.declare_queue(self._dead, durable=True)
        queue = await channel.declare_queue(
            self._queue,
            durable=True,
            arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self._dead},
        )
        if self._exchange:
            topic = aio_pika.ExchangeType.TOPIC
            await channel.declare_exchange(self._exchange, topic, durable=True)
            await queue.bind(self._exchange, self._key)
        return queue

    async def _arrived(self, message: AbstractIncomingMessage) -> None:
        self._jobs.put_nowait(RabbitJob(message))

    def _lose(self, *_: object) -> None:
        self._ready = False
        # What was not begun will be delivered again.
        while not self._jobs.empty():
            self._jobs.get_nowait()
        self._lost.set()
