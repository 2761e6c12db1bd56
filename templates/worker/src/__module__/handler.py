"""The handler: the work itself. Replace what is here by yours."""

import json

from .jobs import Job, Rejected
from .results import Result, Results


class Handler:
    """Counts the words of a note, which is a JSON object with a text."""

    def __init__(self, results: Results) -> None:
        self._results = results

    async def __call__(self, job: Job) -> None:
        await self._results.keep(Result(job.id, count_words(job.body)))


def count_words(body: bytes) -> int:
    """Returns the number of words in the note's text, or raises Rejected."""
    try:
        note = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected("the job is no JSON") from error
    text = note.get("text") if isinstance(note, dict) else None
    if not isinstance(text, str):
        raise Rejected("the job has no text")
    return len(text.split())
