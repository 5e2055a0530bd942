"""Prometheus families whose labels are closed sets: an unforeseen value counts as `other`.

So no input, however hostile, can add a series. A label declared with None takes a number that
the broker gives (a partition).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Generic, TypeAlias, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

OTHER = "other"
PREFIX = "loyalty_"

Allowed: TypeAlias = Mapping[str, Collection[str] | None]

_Family = TypeVar("_Family", bound=MetricWrapperBase)


class _Closed(Generic[_Family]):
    def __init__(self, family: _Family, allowed: Allowed) -> None:
        self._family = family
        self._allowed = {
            name: None if values is None else frozenset(values) for name, values in allowed.items()
        }
        self._children: dict[tuple[str, ...], _Family] = {}

    def _values(self, labels: Mapping[str, str | int]) -> tuple[str, ...]:
        if labels.keys() != self._allowed.keys():
            raise ValueError(f"labels must be {sorted(self._allowed)}, not {sorted(labels)}")
        return tuple(_value(labels[name], allowed) for name, allowed in self._allowed.items())

    def _child(self, labels: Mapping[str, str | int]) -> _Family:
        if not self._allowed and not labels:
            return self._family
        values = self._values(labels)
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._family.labels(*values)
        return child


def _value(given: str | int, allowed: frozenset[str] | None) -> str:
    if allowed is None:
        return str(int(given))
    return str(given) if given in allowed else OTHER


class ClosedCounter(_Closed[Counter]):
    """A counter; its name gets `_total` from the library."""

    def __init__(
        self, registry: CollectorRegistry, name: str, meaning: str, allowed: Allowed | None = None
    ) -> None:
        allowed = allowed or {}
        super().__init__(Counter(name, meaning, list(allowed), registry=registry), allowed)

    def inc(self, amount: float = 1, /, **labels: str | int) -> None:
        """Count `amount` more."""
        self._child(labels).inc(amount)


class ClosedGauge(_Closed[Gauge]):
    """A gauge; `name` is its own, without the prefix."""

    def __init__(
        self, registry: CollectorRegistry, name: str, meaning: str, allowed: Allowed | None = None
    ) -> None:
        allowed = allowed or {}
        self.name = name.removeprefix(PREFIX)
        super().__init__(Gauge(name, meaning, list(allowed), registry=registry), allowed)

    def set(self, value: float, /, **labels: str | int) -> None:
        """Show `value`."""
        self._child(labels).set(value)

    def replace(self, values: Mapping[tuple[str, ...], float], /) -> None:
        """Show these values, by their labels in the order of declaration, and 0 for the others."""
        shown = dict.fromkeys(self._children, 0.0)
        for given, value in values.items():
            known = self._values(dict(zip(self._allowed, given, strict=True)))
            shown[known] = shown.get(known, 0.0) + value
        for known, value in shown.items():
            self._child(dict(zip(self._allowed, known, strict=True))).set(value)

    def remove(self, **labels: str | int) -> None:
        """Show nothing any more for these labels; fine where nothing was shown."""
        values = self._values(labels)
        if self._children.pop(values, None) is not None:
            self._family.remove(*values)


class StoredCounter(Collector):
    """A counter whose values come from a store, so that it survives restarts; one label."""

    def __init__(
        self,
        registry: CollectorRegistry,
        name: str,
        meaning: str,
        label: str,
        values: Sequence[str],
    ) -> None:
        self._name, self._meaning, self._label = name, meaning, label
        self._counts = dict.fromkeys(values, 0.0)
        registry.register(self)

    def replace(self, counts: Mapping[str, float]) -> None:
        """Show these counts; values that were not declared are added to `other`."""
        shown = dict.fromkeys(self._counts, 0.0)
        for given, count in counts.items():
            known = given if given in shown else OTHER
            shown[known] = shown.get(known, 0.0) + count
        self._counts = shown

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give the family to the registry."""
        family = CounterMetricFamily(self._name, self._meaning, labels=[self._label])
        for value, count in self._counts.items():
            family.add_metric([value], count)
        yield family


class ClosedHistogram(_Closed[Histogram]):
    """A histogram with the upper bounds `buckets`, in the unit of its name."""

    def __init__(
        self,
        registry: CollectorRegistry,
        name: str,
        meaning: str,
        buckets: tuple[float, ...],
        allowed: Allowed | None = None,
    ) -> None:
        allowed = allowed or {}
        family = Histogram(name, meaning, list(allowed), registry=registry, buckets=buckets)
        super().__init__(family, allowed)

    def observe(self, value: float, /, **labels: str | int) -> None:
        """Count one observation."""
        self._child(labels).observe(value)
