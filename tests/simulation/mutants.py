"""Mistakes that the simulation must find: one text of the worker's code replaced by another."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

from loyalty_worker.application import isolate, judgement, post_batch, redrive, release_parked
from loyalty_worker.consumers import partition, position, supervisor


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mistake: where it is made, what stood there, and what stands there instead."""

    module: ModuleType
    text: str
    instead: str


MUTANTS = {
    "commits before the transaction": Mutant(
        partition,
        "        self._report.queued()\n",
        "        self._offsets.due(batch.end)\n        await self._offsets.commit()\n",
    ),
    "commits what failed": Mutant(
        partition,
        "            case Faulted(reason, sqlstate):\n",
        "            case Faulted(reason, sqlstate):\n"
        "                self._position = batch.end\n"
        "                self._offsets.due(batch.end)\n"
        "                await self._offsets.commit()\n",
    ),
    "drops a fault": Mutant(
        partition,
        "                raise Fault(reason, sqlstate)\n",
        "                self._position = batch.end\n                return\n",
    ),
    "takes a range that leaves a gap": Mutant(
        post_batch, "if batch.start > progress.next_offset:", "if False:"
    ),
    "counts a redelivery again": Mutant(
        post_batch, "if one.record.offset >= progress.next_offset]", "]"
    ),
    "moves no position": Mutant(
        post_batch,
        "if batch.end > progress.next_offset:",
        "if settled and settled[0].outcome.points:",
    ),
    "forgets what waits": Mutant(judgement, "    if waiting:\n", "    if len(waiting) > 1:\n"),
    "releases nothing": Mutant(release_parked, "for kind in _KINDS:", "for kind in ():"),
    "closes no parked event": Mutant(
        release_parked, "    await tx.close_parked_events(closings)\n", "    return\n"
    ),
    "starts at the higher position": Mutant(
        position,
        "lowest = min(await committed() or 0, progress.next_offset)",
        "lowest = max(await committed() or 0, progress.next_offset)",
    ),
    "starts at the committed offset": Mutant(
        position,
        "lowest = min(await committed() or 0, progress.next_offset)",
        "lowest = await committed() or 0",
    ),
    "never looks whether its position holds": Mutant(
        partition,
        "if not await self._positions.holds(self._at, self._generation, self._position):",
        "if False:",
    ),
    "goes on, as a zombie, under the next assignment": Mutant(
        supervisor,
        "        self._report.revoked(len(revoked))\n        await self._drain_tasks()\n",
        "        self._report.revoked(len(revoked))\n",
    ),
    "takes a zombie's batch of the former topic": Mutant(
        post_batch,
        "            if progress is None or progress.generation != batch.generation:\n"
        "                return Misplaced(None)\n",
        "            if progress is None:\n"
        "                return Misplaced(None)\n"
        "            batch = replace(batch, generation=progress.generation)\n",
    ),
    "takes a shorter topic for the former one": Mutant(
        position, "if bounds.end < progress.next_offset:", "if False:"
    ),
    "takes a longer topic for the former one": Mutant(
        position, "return record.fingerprint() != progress.last_record_hash", "return False"
    ),
    "recognises the log by a record of whatever log": Mutant(
        post_batch, "if settled and keeps_one else None", "if settled else None"
    ),
    "leaves no record of a first batch that nobody looked at": Mutant(
        post_batch, "batch.log_known or progress.last_record_offset is None", "batch.log_known"
    ),
    "posts on though its topic is halted": Mutant(
        post_batch, "if obstacles.halt is not None:", "if False:"
    ),
    "tries what was set aside": Mutant(post_batch, "if not obstacles.quarantined:", "if True:"),
    "passes over the record that it blames": Mutant(
        isolate, "next_offset=batch.start, halt=halt", "next_offset=batch.end, halt=halt"
    ),
    "closes no letter that was redriven": Mutant(
        redrive, "    await tx.close_letters(closings)\n", "    return\n"
    ),
    "keeps what was due of another topic": Mutant(
        partition, "        self._offsets.due(None)\n", ""
    ),
}


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Run the module's changed text in place of the module, and put it back."""
    source = inspect.getsource(mutant.module)
    assert source.count(mutant.text) == 1, f"{mutant.text!r} is there {source.count(mutant.text)}×"
    former = dict(vars(mutant.module))
    changed = compile(
        source.replace(mutant.text, mutant.instead), mutant.module.__file__ or "", "exec"
    )
    try:
        exec(changed, vars(mutant.module))  # noqa: S102 - our own code, with a mistake in it
        yield
    finally:
        vars(mutant.module).clear()
        vars(mutant.module).update(former)
