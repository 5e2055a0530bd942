"""A broker in memory: logs, committed offsets, and groups that fence who is no member any more."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aiokafka.errors import CommitFailedError

from loyalty_worker.domain.records import PartitionId, Record


@dataclass
class Log:
    """One partition: offsets that hold no record are missing in `records`.

    `written` are all records that ever were there.
    """

    at: PartitionId
    records: dict[int, Record] = field(default_factory=dict)
    beginning: int = 0
    end: int = 0
    written: dict[int, Record] = field(default_factory=dict)

    def append(self, value: bytes, timestamp_ms: int = 0) -> None:
        """Write a record."""
        offset, self.end = self.end, self.end + 1
        record = Record(self.at.topic, self.at.partition, offset, timestamp_ms, None, value, ())
        self.records[offset] = self.written[offset] = record

    def leave_out(self, count: int) -> None:
        """Pass offsets that nobody will read, as after an aborted transaction."""
        self.end += count

    def forget_below(self, offset: int) -> None:
        """Delete what is old."""
        for old in range(self.beginning, offset):
            self.records.pop(old, None)
        self.beginning = max(self.beginning, offset)


@dataclass
class Broker:
    """Logs by partition, and the offsets of groups. `former` are those of deleted topics.

    `on_commit` sees each offset that is taken: group, partition, the former one, the new one.
    """

    logs: dict[PartitionId, Log]
    on_commit: Callable[[str, PartitionId, int | None, int], None]
    committed: dict[tuple[str, PartitionId], int] = field(default_factory=dict)
    assignments: dict[tuple[str, PartitionId], object] = field(default_factory=dict)
    former: list[Log] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def commit(self, group: str, at: PartitionId, offset: int, assignment: object) -> None:
        """Take an offset under the partition's newest assignment; raises under any other."""
        if self.assignments.get((group, at)) is not assignment:
            self.seen["fenced commit"] += 1
            raise CommitFailedError("the group has rebalanced")
        self.on_commit(group, at, self.committed.get((group, at)), offset)
        self.committed[group, at] = offset

    def leave_out(self, at: PartitionId, count: int) -> None:
        """Pass offsets of a partition, but none by which a reader knows a former log of it."""
        log = self.logs[at]
        for _ in range(count):
            if not any(one.at == at and log.end in one.written for one in self.former):
                log.leave_out(1)

    def partitions(self, topic: str) -> list[PartitionId]:
        """Return a topic's partitions, in order."""
        return [at for at in self.logs if at.topic == topic]

    def recreate(self, topic: str) -> None:
        """Delete a topic, with what groups committed of it, and create it again, empty."""
        for at in self.partitions(topic):
            self.former.append(self.logs[at])
            self.logs[at] = Log(at)
            for which in [one for one in self.committed if one[1] == at]:
                del self.committed[which]

    def forget_some(self, rng: random.Random, group: str, at: PartitionId) -> None:
        """Delete a part of what the group has committed."""
        log = self.logs[at]
        committed = self.committed.get((group, at), 0)
        if committed > log.beginning:
            log.forget_below(rng.randrange(log.beginning, committed + 1))
