"""Logs: one JSON object per line on standard error."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import datetime, timezone

JOB_ID: ContextVar[str] = ContextVar("job_id", default="")


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON, with the id of the job it belongs to.

    Further fields are given as `logger.info("...", extra={"fields": {...}})`.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if job_id := JOB_ID.get():
            line["job_id"] = job_id
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(level: str) -> None:
    """Sends all logs of the process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
