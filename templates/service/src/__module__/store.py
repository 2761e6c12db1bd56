"""The store: where notes are kept."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from typing import Protocol
from uuid import UUID, uuid4


@dataclass(frozen=True)
class Note:
    """What somebody wanted to remember."""

    id: UUID
    text: str
    created_at: datetime


class Store(Protocol):
    """Keeps notes. Raises `problems.Unavailable` when it cannot be reached."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ready(self) -> bool: ...

    async def add(self, note: Note) -> None: ...

    async def get(self, identity: UUID) -> Note | None: ...

    async def newest(self, limit: int, offset: int) -> list[Note]: ...


def new_note(text: str) -> Note:
    """Returns a note that is written now."""
    return Note(uuid4(), text, datetime.now(timezone.utc))


class MemoryStore:
    """Keeps the newest notes in this process, and forgets them with it."""

    def __init__(self, maximum: int = 10_000) -> None:
        self._notes: OrderedDict[UUID, Note] = OrderedDict()
        self._maximum = maximum

    async def open(self) -> None:
        """Has nothing to open."""

    async def close(self) -> None:
        """Has nothing to close."""

    async def ready(self) -> bool:
        return True

    async def add(self, note: Note) -> None:
        self._notes[note.id] = note
        if len(self._notes) > self._maximum:
            self._notes.popitem(last=False)

    async def get(self, identity: UUID) -> Note | None:
        return self._notes.get(identity)

    async def newest(self, limit: int, offset: int) -> list[Note]:
        return list(islice(reversed(self._notes.values()), offset, offset + limit))
