"""The schedule of the drift check: whether it is one, and its time zone is known."""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from loyalty_worker.settings.model import PREFIX, Settings
from loyalty_worker.settings.problems import Problem


def schedule_problems(settings: Settings) -> Iterator[Problem]:
    """Find a cron expression that is none or never comes, and an unknown time zone."""
    try:
        next(CronSim(settings.drift_schedule, datetime.now(UTC)), None)
    except CronSimError as error:
        yield Problem(
            f"{PREFIX}DRIFT_SCHEDULE",
            f"is no cron expression ({str(error).lower()})",
            "five fields, such as 0 3 * * * for every day at three",
        )
    try:
        ZoneInfo(settings.drift_timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Problem(
            f"{PREFIX}DRIFT_TIMEZONE", "is no time zone", "an IANA name, such as Europe/Vienna"
        )
