"""The spool: a folder whose files are jobs.

Write a job elsewhere on the same file system and rename it into `inbox/`, so that it is whole
when it is seen. It passes through `work/` and is removed when it is done; `failed/` has those
that were set aside. Names that begin with a dot are not looked at.
"""

import asyncio
import fcntl
import os
from pathlib import Path

AGAIN = ".again"


class SpoolJob:
    """A file in `work/`."""

    def __init__(self, spool: "Spool", name: str) -> None:
        self._spool = spool
        self._name = name
        self.id = name.removesuffix(AGAIN)
        self.attempt = 2 if name.endswith(AGAIN) else 1
        self.body = (spool.work / name).read_bytes()

    async def finish(self) -> None:
        (self._spool.work / self._name).unlink()

    async def give_back(self) -> None:
        os.replace(self._spool.work / self._name, self._spool.inbox / (self.id + AGAIN))

    async def reject(self) -> None:
        os.replace(self._spool.work / self._name, self._spool.failed / self.id)


class Spool:
    """A folder of jobs, which one process at a time may work on."""

    def __init__(self, folder: str, look_seconds: float = 0.5) -> None:
        self._folder = Path(folder)
        self._look = look_seconds
        self._lock: int | None = None
        self.inbox = self._folder / "inbox"
        self.work = self._folder / "work"
        self.failed = self._folder / "failed"

    async def open(self) -> None:
        """Makes the folders, and gives back what a process that died had in hand."""
        for folder in (self.inbox, self.work, self.failed):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            await self.close()
            raise RuntimeError(f"another process works on {self._folder}") from error
        for left in self.work.iterdir():
            os.replace(left, self.inbox / (left.name.removesuffix(AGAIN) + AGAIN))

    async def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def ready(self) -> bool:
        return self._lock is not None

    async def next(self) -> SpoolJob:
        while True:
            if (job := self._take()) is not None:
                return job
            await asyncio.sleep(self._look)

    def _take(self) -> SpoolJob | None:
        for name in sorted(os.listdir(self.inbox)):
            path = self.inbox / name
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            os.replace(path, self.work / name)
            try:
                return SpoolJob(self, name)
            except OSError:
                os.replace(self.work / name, self.failed / name.removesuffix(AGAIN))
                raise
        return None
