"""The end of a demonstration as a document, for programs."""

from typing import Any

from loyalty_worker.demo.books import Progress
from loyalty_worker.demo.report import Report, told_samples
from loyalty_worker.demo.stage import PROMOTIONS, TOPIC


def as_document(report: Report) -> dict[str, Any]:
    """Return the report as one JSON document's contents."""
    evening = report.evidence.evening
    return {
        "holds": not report.failed,
        "checks": [{"text": check.text, "holds": check.holds} for check in report.checks],
        "published": evening.published,
        "topics": {TOPIC: _topic(evening.slips), PROMOTIONS: _topic(evening.promotions)},
        "dead_letters_by_reason": evening.letters,
        "points": evening.points,
        "drift": report.evidence.drift,
        "arithmetic": None if report.arithmetic is None else report.arithmetic.text,
        "metrics_url": report.metrics_url,
        "metrics": told_samples(report.metrics),
    }


def _topic(progress: Progress) -> dict[str, Any]:
    return {
        "published": progress.published,
        "outcomes": dict(progress.outcomes),
        "released": dict(progress.released),
        "waiting": progress.waiting,
        "points": progress.points,
    }
