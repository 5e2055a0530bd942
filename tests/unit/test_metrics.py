import uuid
from collections.abc import Iterable
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from loyalty_worker.consumers.group_report import PartitionState
from loyalty_worker.domain.outcomes import Outcome, ParkedCause
from loyalty_worker.ports import HaltReason
from loyalty_worker.telemetry.families import ClosedCounter, ClosedGauge
from loyalty_worker.telemetry.labels import HALT_REASONS, OUTCOMES, PARKED_REASONS, PAUSE_REASONS
from loyalty_worker.telemetry.metrics import Metrics

SERIES_BUDGET = 2_000


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(
        topics=["rating-slip-closed"],
        dead_letter_reasons=["EVENT_UNDECODABLE"],
        fault_reasons=["database_unreachable"],
    )


def _samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    text = metrics.render(ready=True).decode()
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_metric_of_the_worker_has_its_prefix_and_a_meaning(metrics: Metrics) -> None:
    families = list(text_string_to_metric_families(metrics.render(ready=False).decode()))

    assert all(family.name.startswith(("loyalty_", "process_")) for family in families)
    assert all(family.documentation for family in families)


def test_ready_is_shown_as_the_probe_says(metrics: Metrics) -> None:
    assert b"loyalty_ready 0.0" in metrics.render(ready=False)
    assert b"loyalty_ready 1.0" in metrics.render(ready=True)


def test_the_build_is_shown_with_its_version(metrics: Metrics) -> None:
    assert b"loyalty_build_info{" in metrics.render(ready=True)


def test_counters_gauges_and_histograms_show_what_they_were_told(metrics: Metrics) -> None:
    metrics.events.inc(3, topic="rating-slip-closed", outcome="accrued", source="live")
    metrics.consumer_lag_records.set(7, topic="rating-slip-closed", partition=2)
    metrics.record_to_commit_seconds.observe(29.9, source="live")
    metrics.record_to_commit_seconds.observe(30.1, source="live")

    samples = _samples(metrics)

    assert (
        samples[
            "loyalty_events_total", "outcome=accrued", "source=live", "topic=rating-slip-closed"
        ]
        == 3
    )
    assert samples["loyalty_consumer_lag_records", "partition=2", "topic=rating-slip-closed"] == 7
    assert samples["loyalty_record_to_commit_seconds_bucket", "le=30.0", "source=live"] == 1


def test_a_partition_that_is_gone_shows_nothing_any_more(metrics: Metrics) -> None:
    metrics.consumer_lag_records.set(7, topic="rating-slip-closed", partition=2)

    metrics.forget_partition("rating-slip-closed", 2)
    metrics.forget_partition("rating-slip-closed", 9)

    assert b'partition="2"' not in metrics.render(ready=True)


def test_hostile_labels_add_no_series(metrics: Metrics) -> None:
    for _ in range(3_000):
        hostile = str(uuid.uuid4())
        metrics.events.inc(topic=hostile, outcome=hostile, source=hostile)
        metrics.dead_letters.inc(topic=hostile, reason=hostile)
        metrics.retries.inc(reason=hostile)
        metrics.db_errors.inc(sqlstate_class=hostile)

    samples = _samples(metrics)

    assert len(samples) < SERIES_BUDGET
    assert samples["loyalty_dead_letters_total", "reason=other", "topic=other"] == 3_000


def test_a_label_that_is_missing_or_unknown_is_a_mistake() -> None:
    counter = ClosedCounter(CollectorRegistry(), "x", "X", {"topic": ["a"]})

    with pytest.raises(ValueError, match="labels must be"):
        counter.inc()
    with pytest.raises(ValueError, match="labels must be"):
        counter.inc(topic="a", player="b")


def test_a_numeric_label_takes_numbers_only() -> None:
    gauge = ClosedGauge(CollectorRegistry(), "x", "X", {"partition": None})

    with pytest.raises(ValueError, match="invalid literal"):
        gauge.set(1, partition="canary")


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        (OUTCOMES, Outcome),
        (PARKED_REASONS, ParkedCause),
        (("flowing", *PAUSE_REASONS), PartitionState),
        (HALT_REASONS, get_args(HaltReason)),
    ],
)
def test_the_closed_sets_of_labels_are_the_enumerations_they_repeat(
    labels: tuple[str, ...], values: Iterable[str]
) -> None:
    assert set(labels) == set(values)
