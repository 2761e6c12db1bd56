"""Jobs: what is to be done, and where it comes from."""

from typing import Protocol


class Rejected(Exception):
    """The job can never be done: it is set aside for a person to look at."""


class Unavailable(Exception):
    """A backend does not answer: the job waits for it, and loses no attempt."""


class Job(Protocol):
    """One piece of work. It is delivered at least once, so doing it twice must do no harm."""

    id: str
    body: bytes
    # 1 at first, more when it was delivered before.
    attempt: int

    async def finish(self) -> None:
        """Takes the job away: it is done."""

    async def give_back(self) -> None:
        """Lets it be delivered again."""

    async def reject(self) -> None:
        """Sets it aside."""


class Source(Protocol):
    """Where jobs come from."""

    async def open(self) -> None: ...

    async def close(self) -> None:
        """Lets go of the jobs that were not begun."""

    def ready(self) -> bool: ...

    async def next(self) -> Job:
        """Waits for a job. A cancelled wait takes none."""
        ...
