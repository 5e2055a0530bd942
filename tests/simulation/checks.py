"""What must hold at every moment of a run, and what must be true when it has come to rest."""

from collections import Counter
from dataclasses import dataclass, field

from loyalty_worker.domain.events import PromotionAwarded
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.domain.records import PartitionId
from simulation.broker import Broker
from simulation.database import Server, is_releasable
from simulation.tables import ParkedRow, ProgressRow
from simulation.traffic import Traffic, record_id


@dataclass
class Watch:
    """Looks at each commit of database and broker. A restored database begins anew."""

    server: Server
    next_offsets: dict[tuple[str, PartitionId], int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    was_restored: bool = False

    def after_transaction(self) -> None:
        """Check that no position falls."""
        for which, row in self.server.tables.table("progress").items():
            if row.next_offset < self.next_offsets.get(which, 0):
                self.violations.append(f"next_offset of {which} fell to {row.next_offset}")
            self.next_offsets[which] = row.next_offset

    def after_commit(self, group: str, at: PartitionId, former: int | None, offset: int) -> None:
        """Check that the broker is never ahead of the database, and its offset never falls."""
        row = self.server.tables.table("progress").get((group, at))
        if self.was_restored:
            return
        if row is None or offset > row.next_offset:
            self.violations.append(f"{group} committed {offset} of {at} before the database had it")
        if former is not None and offset < former:
            self.violations.append(f"the committed offset of {at} fell from {former} to {offset}")

    def restored(self) -> None:
        """Forget the positions of before."""
        self.was_restored = True
        self.next_offsets.clear()


def unrest(server: Server, broker: Broker, groups: dict[str, str]) -> list[str]:
    """Return what is still to be done; `groups` are topics by group."""
    left = []
    for group, topic in groups.items():
        for at in broker.partitions(topic):
            row = server.tables.table("progress").get((group, at))
            end = broker.logs[at].end
            at_rest = row is not None and row.next_offset == end
            if not at_rest or broker.committed.get((group, at), 0) != end:
                left.append(f"{at} lags behind {end}: {row}, {broker.committed.get((group, at))}")
    waiting = [r for r in server.tables.table("parked").values() if is_releasable(server, r)]
    left += [f"parked though its cause is gone: {record_id(row.record)}" for row in waiting]
    return left


def verdict(server: Server, broker: Broker, groups: dict[str, str], traffic: Traffic) -> list[str]:
    """Return what is wrong at rest."""
    wrong = []
    for group, topic in groups.items():
        for at in broker.partitions(topic):
            wrong += _conservation(at, server.tables.table("progress")[group, at], broker, traffic)
    wrong += _books(server, traffic)
    wrong += _waiting(server, broker, traffic)
    return wrong


def _conservation(at: PartitionId, row: ProgressRow, broker: Broker, traffic: Traffic) -> list[str]:
    """Check that each offset was counted once, and as what it is."""
    log = broker.logs[at]
    accrued, duplicate, skipped, parked, dead_lettered, without_record = row.counts
    written = log.written
    refused = sum(value in traffic.refused for value in written.values())
    found = {
        "first_offset": (row.first_offset, 0),
        "sum of counts": (sum(row.counts), log.end),
        "without_record": (without_record, log.end - len(written)),
        "dead_lettered": (dead_lettered, refused),
        "events": (accrued + duplicate + skipped + parked, len(written) - refused),
    }
    return [
        f"{at} {name}: {is_}, not {must_be}"
        for name, (is_, must_be) in found.items()
        if is_ != must_be
    ]


def _books(server: Server, traffic: Traffic) -> list[str]:
    """Check the entries and the letters against the set of records."""
    entries = {which: points for which, (_, points) in server.tables.table("entries").items()}
    awards: dict[tuple[object, ...], int] = {
        (*which,): n for which, n in traffic.awards.items() if which[:2] in traffic.rated
    }
    must_be: dict[tuple[object, ...], int] = {(*which,): n for which, n in traffic.rated.items()}
    must_be.update(awards)
    wrong = []
    if entries != must_be:
        wrong.append(f"entries: {set(entries.items()) ^ set(must_be.items())}")
    letters = Counter(row.record.value for row in server.tables.table("letters").values())
    if letters != Counter(traffic.refused):
        wrong.append(f"letters: {letters}, not {traffic.refused}")
    if any(row.status != "open" for row in server.tables.table("letters").values()):
        wrong.append("a letter was resolved though its record is refused still")
    return wrong


def _waiting(server: Server, broker: Broker, traffic: Traffic) -> list[str]:
    """Check that what waits on is what has no slip, and what waited became what it had to."""
    rows: list[ParkedRow] = list(server.tables.table("parked").values())
    known = set(traffic.rated) | traffic.unrated
    wrong = []
    for row in rows:
        which = (row.event.casino_id, row.event.rating_slip_id)
        if row.outcome is None and which in known:
            wrong.append(f"waits though its slip is known: {record_id(row.record)}")
        if row.outcome is Outcome.DEAD_LETTERED:
            wrong.append(f"became a letter at its release: {record_id(row.record)}")
    waiting = {row.record.value for row in rows if row.outcome is None}
    for log in broker.logs.values():
        for value in log.written.values():
            event = traffic.decoded[value]
            if not isinstance(event, PromotionAwarded):
                continue
            if (event.casino_id, event.rating_slip_id) not in known and value not in waiting:
                wrong.append(f"a promotion without slip waits nowhere: {value!r}")
    return wrong
