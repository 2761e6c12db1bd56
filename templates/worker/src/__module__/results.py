"""Results: what the worker found out, and where that goes."""

import logging
from dataclasses import dataclass
from typing import Protocol

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What came of one job."""

    job: str
    words: int


class Results(Protocol):
    """Keeps results. Raises `jobs.Unavailable` when it cannot."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ready(self) -> bool: ...

    async def keep(self, result: Result) -> None: ...


class LogResults:
    """Writes results to the log."""

    async def open(self) -> None:
        """Has nothing to open."""

    async def close(self) -> None:
        """Has nothing to close."""

    async def ready(self) -> bool:
        return True

    async def keep(self, result: Result) -> None:
        LOG.info("result", extra={"fields": {"words": result.words}})
