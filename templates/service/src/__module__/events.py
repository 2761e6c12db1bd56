"""Events: what others are told over RabbitMQ."""

import asyncio
import json
import logging
from typing import Protocol

import aio_pika
from aio_pika.abc import AbstractExchange
from yarl import URL

from . import NAME
from .logs import REQUEST_ID
from .store import Note

EXCHANGE = f"{NAME}.events"
LOG = logging.getLogger(__name__)
FAILURES = (aio_pika.exceptions.AMQPException, asyncio.TimeoutError, OSError, RuntimeError)


class Events(Protocol):
    """Tells others what happened."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def ready(self) -> bool: ...

    async def note_created(self, note: Note) -> bool:
        """Says whether the queue has confirmed the event."""
        ...


class NoEvents:
    """Tells nobody."""

    async def open(self) -> None:
        """Has nothing to open."""

    async def close(self) -> None:
        """Has nothing to close."""

    def ready(self) -> bool:
        return True

    async def note_created(self, note: Note) -> bool:
        return False


class RabbitEvents:
    """Publishes to a topic exchange and waits for the broker to confirm each message.

    An event is sent at most once. Where none may be lost, write it into the
    database in the transaction that it tells of, and send it from there.
    """

    def __init__(
        self, url: str, password: str = "", wait_seconds: float = 2.0, retry_seconds: float = 1.0
    ) -> None:
        self._url = URL(url).with_password(password) if password else URL(url)
        self._wait = wait_seconds
        self._retry = retry_seconds
        self._exchange: AbstractExchange | None = None
        self._lost = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begins to connect. A broker that is away makes the service unready only."""
        self._connecting = asyncio.create_task(self._stay_connected())

    async def close(self) -> None:
        if self._connecting:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)

    def ready(self) -> bool:
        return self._exchange is not None

    async def note_created(self, note: Note) -> bool:
        exchange = self._exchange
        if exchange is None:
            LOG.warning("event lost: no connection to the queue")
            return False
        try:
            await exchange.publish(message(note), "note.created", timeout=self._wait)
        except FAILURES as error:
            LOG.warning("event lost", extra={"fields": {"error": repr(error)}})
            self._lose()
            return False
        return True

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
            try:
                self._exchange = await channel.declare_exchange(
                    EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True
                )
                LOG.info("queue: connected")
                await self._lost.wait()
            finally:
                self._exchange = None

    def _lose(self, *_: object) -> None:
        self._exchange = None
        self._lost.set()


def message(note: Note) -> aio_pika.Message:
    """Returns the event that a note was created."""
    body = {"id": str(note.id), "text": note.text, "created_at": note.created_at.isoformat()}
    return aio_pika.Message(
        json.dumps(body).encode(),
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=str(note.id),
        correlation_id=REQUEST_ID.get() or None,
        timestamp=note.created_at,
        type="note.created",
        app_id=NAME,
    )
