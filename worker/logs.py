"""Log lines of the workers: text for people, JSON for machines, always on stderr."""

from __future__ import annotations

import logging
import sys

import msgspec

_TEXT = "%(asctime)s %(levelname)-7s %(processName)s %(name)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC offset), level, process, logger, message, and a traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def set_up_logs(log_format: str) -> None:
    """Sends all log lines to stderr. log_format: `text` or `json`. Forked children inherit it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else logging.Formatter(_TEXT, "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Celery tells of every message that is received and of every task that succeeds.
    logging.getLogger("celery.worker.request").addFilter(_without_traceback)
    for name in ("celery.worker.strategy", "celery.app.trace", "celery.pool"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _without_traceback(record: logging.LogRecord) -> bool:
    """A child that died is foreseen, and its traceback is only of the parent that noticed: one line tells it."""
    record.exc_info = None
    return True
