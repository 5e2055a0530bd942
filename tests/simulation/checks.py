"""What must hold at every moment of a run, and what must be true when it has come to rest."""

from dataclasses import dataclass, field

from loyalty_worker.domain.events import PromotionAwarded
from loyalty_worker.domain.outcomes import Outcome
from loyalty_worker.domain.records import PartitionId
from simulation.broker import Broker, Log
from simulation.database import Server, is_releasable
from simulation.tables import LetterRow, ParkedRow, ProgressRow
from simulation.traffic import RecordId, Traffic, record_id


@dataclass
class Watch:
    """Looks at each commit of database and broker. A restored database begins anew."""

    server: Server
    positions: dict[tuple[str, PartitionId], tuple[int, int]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    was_restored: bool = False
    recreated: set[str] = field(default_factory=set)

    def after_transaction(self) -> None:
        """Check that no position falls within its generation, and no generation ever."""
        for which, row in self.server.tables.table("progress").items():
            position = (row.generation, row.next_offset)
            if position < self.positions.get(which, (0, 0)):
                self.violations.append(f"the position of {which} fell to {position}")
            self.positions[which] = position

    def after_commit(self, group: str, at: PartitionId, former: int | None, offset: int) -> None:
        """Check that the broker is never ahead of the database, and its offset never falls.

        Offsets of a topic that was created again can be those of the former one for a while.
        """
        row = self.server.tables.table("progress").get((group, at))
        if self.was_restored or at.topic in self.recreated:
            return
        if row is None or offset > row.next_offset:
            self.violations.append(f"{group} committed {offset} of {at} before the database had it")
        if former is not None and offset < former:
            self.violations.append(f"the committed offset of {at} fell from {former} to {offset}")

    def restored(self) -> None:
        """Forget the positions of before."""
        self.was_restored = True
        self.positions.clear()


def unrest(server: Server, broker: Broker, groups: dict[str, str], traffic: Traffic) -> list[str]:
    """Return what is still to be done; `groups` are topics by group."""
    tables = server.tables
    left = []
    for group, topic in groups.items():
        for at in broker.partitions(topic):
            row = tables.table("progress").get((group, at))
            end = broker.logs[at].end
            number = 1 + sum(log.at == at for log in broker.former)
            committed = broker.committed.get((group, at), 0)
            # A commit of the former topic that comes late stands until the next record.
            is_late = committed > end and number > 1
            at_rest = row is not None and (row.generation, row.next_offset) == (number, end)
            if not at_rest or (committed != end and not is_late):
                left.append(f"{at} lags behind {end}: {row}, {committed}")
    waiting = [r for r in tables.table("parked").values() if is_releasable(server, r)]
    left += [f"parked though its cause is gone: {record_id(row.record)}" for row in waiting]
    left += [f"halted: {which}" for which, halt in tables.table("halts").items() if halt]
    left += [
        f"nothing more refuses it: {record_id(row.record)}"
        for row in tables.table("letters").values()
        if row.status == "open" and row.record.value not in traffic.refused
    ]
    return left


def verdict(server: Server, broker: Broker, groups: dict[str, str], traffic: Traffic) -> list[str]:
    """Return what is wrong at rest."""
    wrong = []
    letters = server.tables.table("letters")
    for group, topic in groups.items():
        for at in broker.partitions(topic):
            row = server.tables.table("progress")[group, at]
            wrong += _conservation(row, broker.logs[at], set(letters), traffic)
    wrong += _books(server, traffic)
    wrong += _letters(letters, broker, traffic)
    wrong += _waiting(server, broker, traffic)
    return wrong


def _conservation(
    row: ProgressRow, log: Log, letters: set[RecordId], traffic: Traffic
) -> list[str]:
    """Check that each offset was counted once, and as what it is.

    What has a letter though nothing refuses it was a dead letter first, or was redriven before
    its turn came.
    """
    accrued, duplicate, skipped, parked, dead_lettered, without_record = row.counts
    written = log.written.values()
    refused = sum(record.value in traffic.refused for record in written)
    redriven = sum(record_id(r) in letters for r in written if r.value in traffic.fragile)
    found = {
        "first_offset": (row.first_offset, 0),
        "sum of counts": (sum(row.counts), log.end),
        "without_record": (without_record, log.end - len(written)),
        "records": (accrued + duplicate + skipped + parked + dead_lettered, len(written)),
        "dead_lettered": (min(max(dead_lettered, refused), refused + redriven), dead_lettered),
    }
    return [
        f"{log.at} {name}: {is_}, not {must_be}"
        for name, (is_, must_be) in found.items()
        if is_ != must_be
    ]


def _books(server: Server, traffic: Traffic) -> list[str]:
    """Check the entries against the set of records."""
    entries = {which: points for which, (_, points) in server.tables.table("entries").items()}
    must_be: dict[tuple[object, ...], int] = {(*which,): n for which, n in traffic.rated.items()}
    must_be |= {(*which,): n for which, n in traffic.awards.items() if which[:2] in traffic.rated}
    if entries == must_be:
        return []
    return [f"entries: {sorted(set(entries.items()) ^ set(must_be.items()), key=str)}"]


def _letters(letters: dict[RecordId, LetterRow], broker: Broker, traffic: Traffic) -> list[str]:
    """Check that what is refused has its letter, still open, and that no other record has one."""
    known = {
        record_id(record): record.value or b""
        for log in (*broker.former, *broker.logs.values())
        for record in log.written.values()
    }
    wrong = [f"a letter for no record: {which}" for which in letters if which not in known]
    for which, row in letters.items():
        value = row.record.value or b""
        if value in traffic.refused and row.status != "open":
            wrong.append(f"{row.status} though its record is refused still: {which}")
        if value not in traffic.refused and value not in traffic.fragile:
            wrong.append(f"a letter though nothing ever refused it: {which}")
    current = [record for log in broker.logs.values() for record in log.written.values()]
    wrong += [
        f"refused, but has no letter: {record_id(record)}"
        for record in current
        if record.value in traffic.refused and record_id(record) not in letters
    ]
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
        for record in log.written.values():
            value = record.value or b""
            event = traffic.decoded[value]
            if not isinstance(event, PromotionAwarded):
                continue
            if (event.casino_id, event.rating_slip_id) not in known and value not in waiting:
                wrong.append(f"a promotion without slip waits nowhere: {value!r}")
    return wrong
