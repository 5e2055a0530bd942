"""Logs: one JSON object a line, on stderr, with time, level, event and fields, and no secrets.

Own events come through structlog and keep their fields, reduced to plain values. Of the
libraries' messages only place and exception type are kept, because their texts can repeat what
they worked on; aiokafka alone is let speak: its messages are constant templates, and of their
arguments only plain ones are filled in.
"""

import logging
import secrets
import sys
from collections.abc import Callable
from uuid import UUID

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from loyalty_worker.telemetry.redaction import (
    describe_exception,
    loggable,
    place_of,
    player_pseudonym,
)

_OWN = "loyalty_worker"
_SPEAKING = "aiokafka"
_REDIRECTED = ("faststream", "aiokafka", "asyncpg", "aiohttp", "asyncio", "py")


def configure_logging(level: str, pseudonym_key: str | None) -> None:
    """Send all logging of the process through the rules of this module.

    `pseudonym_key` keeps a player's pseudonym the same across processes; without it each process
    draws its own. Call it after the libraries were imported: FastStream installs handlers then.
    """
    key = secrets.token_bytes(32) if pseudonym_key is None else pseudonym_key.encode()
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *shared,
            _redact_own(key),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _redact_foreign],
            use_get_message=False,
            pass_foreign_args=True,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    _install(handler, level)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger for own events; `name` is the module's."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


def _install(handler: logging.Handler, level: str) -> None:
    logging.captureWarnings(True)
    # a record that cannot be formatted would otherwise be printed raw, arguments and all
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level if level in {"DEBUG", "CRITICAL"} else logging.WARNING)
    logging.getLogger(_OWN).setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in _REDIRECTED:
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.NOTSET)


def _redact_own(key: bytes) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        _describe_exc_info(event)
        player_id = event.pop("player_id", None)
        if isinstance(player_id, UUID):
            event["player"] = player_pseudonym(key, player_id)
        leading = {name: event.pop(name) for name in ("time", "level", "event")}
        return {name: loggable(value) for name, value in {**leading, **event}.items()}

    return redact


def _redact_foreign(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    _describe_exc_info(event)
    kept = {name: event.pop(name) for name in ("error", "error_at") if name in event}
    spoken = "library message"
    if record.name.startswith(_SPEAKING):
        spoken = _spoken(str(record.msg), event.pop("positional_args", ()))
    return {
        "time": event["time"],
        "level": event["level"],
        "event": spoken,
        "logger": record.name,
        "at": f"{record.module}:{record.lineno}",
        **kept,
        "_record": record,
        "_from_structlog": False,
    }


def _spoken(template: str, arguments: object) -> str:
    given = arguments if isinstance(arguments, tuple) else (arguments,)
    try:
        return template % tuple(loggable(argument) for argument in given)
    except (TypeError, ValueError):
        return template


def _describe_exc_info(event: EventDict) -> None:
    event.pop("stack_info", None)
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["error"] = describe_exception(error)
        event["error_at"] = place_of(error.__traceback__)
