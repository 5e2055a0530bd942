import asyncio
import json
import logging
import uuid
import warnings
from collections.abc import Iterator
from decimal import Decimal

import asyncpg
import pytest
import structlog

from loyalty_worker.telemetry.logs import configure_logging, get_logger
from loyalty_worker.telemetry.redaction import describe_exception, loggable, player_pseudonym

CANARY = "canary-4711"


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raises = list(root.handlers), root.level, logging.raiseExceptions
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raises
    logging.captureWarnings(False)
    structlog.reset_defaults()


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert CANARY not in captured.err
    return [json.loads(line) for line in captured.err.splitlines()]


def test_an_event_is_one_json_line_on_stderr_with_time_level_and_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO", None)

    get_logger("loyalty_worker.x").info("batch_posted", topic="t", offset=5, points=Decimal("1.5"))

    (line,) = _lines(capsys)
    assert list(line)[:3] == ["time", "level", "event"]
    assert line["event"] == "batch_posted"
    assert (line["level"], line["topic"], line["offset"]) == ("info", "t", 5)
    assert str(line["time"]).endswith("Z")


def test_events_below_the_level_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("WARNING", None)

    get_logger("loyalty_worker.x").info("quiet")

    assert _lines(capsys) == []


def test_an_exception_becomes_its_type_code_and_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO", None)
    log = get_logger("loyalty_worker.x")

    def fail() -> None:
        raise asyncpg.UniqueViolationError(CANARY)

    try:
        fail()
    except asyncpg.UniqueViolationError as error:
        log.exception("failed")
        log.warning("failed again", reason=error)

    first, second = _lines(capsys)
    assert first["error"] == "UniqueViolationError 23505"
    assert "test_logs.py:" in str(first["error_at"])
    assert second["reason"] == "UniqueViolationError 23505"


def test_bytes_and_objects_are_named_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", None)

    class Payload:
        def __repr__(self) -> str:
            return CANARY

    get_logger("loyalty_worker.x").info(
        "kept", value=CANARY.encode(), items=[Payload()], nested={"payload": Payload()}
    )

    (line,) = _lines(capsys)
    assert line["value"] == "<bytes>"
    assert line["items"] == ["<Payload>"]
    assert line["nested"] == {"payload": "<Payload>"}


def test_a_player_is_logged_as_a_keyed_hash_that_stays_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO", "key")
    player_id = uuid.uuid4()

    get_logger("loyalty_worker.x").info("posted", player_id=player_id)

    captured = capsys.readouterr().err
    assert str(player_id) not in captured
    assert json.loads(captured)["player"] == player_pseudonym(b"key", player_id)
    assert player_pseudonym(b"key", player_id) != player_pseudonym(b"other", player_id)


@pytest.mark.parametrize(
    "name", ["faststream", "faststream.access.kafka", "asyncpg.pool", "aiohttp.server", "asyncio"]
)
def test_a_library_s_message_keeps_place_and_type_but_not_its_text(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    logging.getLogger(name)
    configure_logging("INFO", None)

    error = ValueError(CANARY)
    logging.getLogger(name).error(f"{error} %s", CANARY, exc_info=error)  # noqa: G004 - libraries do

    (line,) = _lines(capsys)
    assert line["event"] == "library message"
    assert line["logger"] == name
    assert line["error"] == "ValueError"
    assert str(line["at"]).startswith("test_logs:")


def test_aiokafka_may_speak_but_its_exceptions_and_bytes_may_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO", None)
    log = logging.getLogger("aiokafka.conn")

    log.warning("Topic %s: node %d, %r, %s", "promotion", 3, ValueError(CANARY), CANARY.encode())
    log.warning("Group %s left")
    log.warning("Node %d is away", "one")

    lines = _lines(capsys)
    assert [line["event"] for line in lines] == [
        "Topic promotion: node 3, 'ValueError', <bytes>",
        "Group %s left",
        "Node %d is away",
    ]


def test_a_message_that_cannot_be_formatted_is_not_printed_raw(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Broken:
        def __repr__(self) -> str:
            return CANARY

        def __str__(self) -> str:
            raise ValueError(CANARY)

    configure_logging("INFO", None)

    logging.getLogger("asyncpg").error("%d", CANARY)
    logging.getLogger("asyncpg").error(Broken())

    assert len(_lines(capsys)) == 1


def test_warnings_are_logged_without_their_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", None)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(CANARY, stacklevel=1)

    (line,) = _lines(capsys)
    assert line["logger"] == "py.warnings"


async def test_a_task_that_nobody_awaited_is_logged_without_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO", None)

    async def fail() -> None:
        raise ValueError(CANARY)

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    loop = asyncio.get_running_loop()
    loop.call_exception_handler(
        {"message": "Task exception was never retrieved", "exception": task.exception()}
    )

    (line,) = _lines(capsys)
    assert line["error"] == "ValueError"


def test_an_exception_group_names_its_leaves() -> None:
    group = ExceptionGroup(CANARY, [ValueError(CANARY), OSError(5, CANARY)])

    assert describe_exception(group) == "ExceptionGroup of ValueError, OSError 5"


def test_a_long_text_is_cut() -> None:
    assert len(str(loggable("x" * 10_000))) < 600
