"""PostgreSQL: results that outlive the process, and the schema they live in."""

import logging
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import AsyncIterator

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from .jobs import Unavailable
from .results import Result

KEEP = "INSERT INTO results (job, words) VALUES (%s, %s) ON CONFLICT (job) DO NOTHING"
LOG = logging.getLogger(__name__)
# One number per application, by which instances that migrate wait for each other.
MIGRATION_LOCK = 5210418833079
WAIT_SECONDS = 2.0

Connection = psycopg.AsyncConnection[TupleRow]


class PostgresResults:
    """Keeps results in PostgreSQL, over a pool that reconnects by itself."""

    def __init__(self, url: str, pool_size: int) -> None:
        self._pool = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=pool_size,
            timeout=WAIT_SECONDS,
            open=False,
            configure=_configure,
            kwargs={"connect_timeout": 3},
        )

    async def open(self) -> None:
        """Begins to connect. A database that is away makes the worker unready only."""
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    async def ready(self) -> bool:
        try:
            async with self._connection() as connection:
                await connection.execute("SELECT 1")
        except Unavailable:
            return False
        return True

    async def keep(self, result: Result) -> None:
        """Keeps the result once, however often the job is delivered."""
        async with self._connection() as connection:
            await connection.execute(KEEP, (result.job, result.words))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except psycopg.OperationalError as error:
            LOG.warning("database unavailable", extra={"fields": {"error": str(error)}})
            raise Unavailable("the database does not answer") from error


async def _configure(connection: Connection) -> None:
    # Not by the connection's options, which would hide those of the URL.
    await connection.execute("SET statement_timeout = 5000")
    await connection.commit()


async def migrate(url: str) -> list[str]:
    """Applies the migrations that the database lacks, all or none; returns their names."""
    async with await psycopg.AsyncConnection.connect(url, connect_timeout=10) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        missing = unapplied(migrations(), await _applied(connection))
        for name in missing:
            await _apply(connection, name)
    LOG.info("migrated", extra={"fields": {"applied": missing}})
    return missing


def migrations() -> list[str]:
    """Returns the names of all migrations, in the order in which they are applied."""
    folder = files(__package__) / "migrations"
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))


def unapplied(known: list[str], applied: set[str]) -> list[str]:
    """Returns the migrations to apply, or raises if the database is ahead of this version."""
    if strangers := applied - set(known):
        raise RuntimeError(
            "the database has migrations that this version lacks: " + ", ".join(sorted(strangers))
        )
    return [name for name in known if name not in applied]


async def _applied(connection: Connection) -> set[str]:
    rows = await connection.execute("SELECT name FROM schema_migrations")
    return {name for (name,) in await rows.fetchall()}


async def _apply(connection: Connection, name: str) -> None:
    await connection.execute((files(__package__) / "migrations" / name).read_bytes())
    await connection.execute("INSERT INTO schema_migrations (name) VALUES (%s)", (name,))
