"""The faults: each is done to a stage under traffic, and returns at the instant it ends."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from faults.stage import PARTITIONS, Stage, until_killed
from parts.kafka import create_topic, delete_topics
from sqltools import connected, fail_slips, mend_slips

_ZOMBIE_SECONDS = 7.5  # the session timeout of the stage's workers is 6 s


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fault, and what does it; the stage's `rng` decides the instants."""

    name: str
    run: Callable[[Stage], Awaitable[None]]


async def killed_at_a_random_instant(stage: Stage) -> None:
    victim = stage.victim
    await stage.pause()
    await victim.kill()
    await victim.start()


def killed_at(*points: str) -> Callable[[Stage], Awaitable[None]]:
    """Return the fault of further workers that die, one at each point, at the same time."""

    async def run(stage: Stage) -> None:
        async with AsyncExitStack() as stack:
            dying = [
                await stack.enter_async_context(stage.another(point, stage.rng.randrange(1, 4)))
                for point in points
            ]
            await asyncio.gather(*(until_killed(worker) for worker in dying))

    return run


async def killed_amid_a_rebalance(stage: Stage) -> None:
    point = stage.rng.choice(["before the drain", "after the drain"])
    async with stage.another(point) as dying:
        while not await dying.metric("loyalty_consumer_assigned_partitions"):
            await asyncio.sleep(0.05)
        async with stage.another() as newcomer:  # it makes the group rebalance
            await until_killed(dying)
            await newcomer.until_ready()
            assert await newcomer.terminate() == 0


async def killed_during_relay(stage: Stage) -> None:
    """The copies are on their topic, and the database has not marked them."""
    assert await stage.keeper.terminate() == 0
    async with stage.another("during relay", only="relay") as dying:
        await until_killed(dying)
    await stage.keeper.start()


async def a_zombie_wakes_up(stage: Stage) -> None:
    victim = stage.victim
    await stage.pause()
    victim.signal(signal.SIGSTOP)
    await asyncio.sleep(_ZOMBIE_SECONDS)
    victim.signal(signal.SIGCONT)


async def kafka_restarts(stage: Stage) -> None:
    await stage.pause()
    await asyncio.to_thread(stage.servers.kafka.stop)
    await asyncio.to_thread(stage.servers.kafka.start)


async def kafka_is_killed(stage: Stage) -> None:
    await stage.pause()
    await asyncio.to_thread(stage.servers.kafka.kill)
    await asyncio.to_thread(stage.servers.kafka.start)


async def postgres_restarts(stage: Stage) -> None:
    await stage.pause()
    await asyncio.to_thread(stage.servers.postgres.stop, "fast")
    await asyncio.to_thread(stage.servers.postgres.start)


async def postgres_is_killed(stage: Stage) -> None:
    await stage.pause()
    await asyncio.to_thread(stage.servers.postgres.kill)
    await asyncio.to_thread(stage.servers.postgres.start)


async def connections_are_cut(stage: Stage) -> None:
    for _ in range(6):
        proxy = stage.rng.choice([stage.servers.kafka_proxy, stage.servers.postgres_proxy])
        await stage.pause(0.4)
        if stage.rng.random() < 0.5:
            proxy.cut()
        else:
            with proxy.cut_off():
                await stage.pause(0.4)


async def connections_are_slow_and_silent(stage: Stage) -> None:
    kafka, postgres = stage.servers.kafka_proxy, stage.servers.postgres_proxy
    with kafka.delayed(stage.rng.uniform(0.02, 0.1)), postgres.delayed(0.02):
        await stage.pause(2.0)
    for proxy in (kafka, postgres):
        with proxy.frozen():
            await stage.pause(2.0)


async def answers_to_commits_are_lost(stage: Stage) -> None:
    """The database commits, and the worker never learns it."""
    proxy = stage.servers.postgres_proxy
    with proxy.swallowing(b"COMMIT;"):
        async with asyncio.timeout(20):
            while proxy.swallowed < 3:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def failing_commits(stage: Stage) -> AsyncIterator[None]:
    """Let every COMMIT of new slips fail, by a deferred trigger of the superuser's."""
    async with connected(stage.database.superuser) as connection:
        await connection.execute(
            "CREATE FUNCTION fail_commit() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'provoked' USING ERRCODE = '40001'; END$$;"
            "GRANT EXECUTE ON FUNCTION fail_commit() TO PUBLIC;"
            "CREATE CONSTRAINT TRIGGER fail_commit AFTER INSERT ON rating_slip"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_commit()"
        )
        try:
            yield
        finally:
            await connection.execute(
                "DROP TRIGGER fail_commit ON rating_slip; DROP FUNCTION fail_commit()"
            )


async def commits_fail(stage: Stage) -> None:
    """First those of the database, then those of offsets: the group's coordinator is away."""
    before = backing_off(stage)
    async with failing_commits(stage):
        async with asyncio.timeout(20):
            while backing_off(stage) == before:
                await asyncio.sleep(0.05)
    with stage.servers.kafka_proxy.cut_off():
        await stage.pause(2.0)


async def the_disk_is_full(stage: Stage) -> None:
    """SQLSTATE 53100 from the database, raised by a trigger: no file system is filled here."""
    before = backing_off(stage)
    await fail_slips(stage.database, "true", "53100")
    try:
        async with asyncio.timeout(20):
            while backing_off(stage) == before:
                await asyncio.sleep(0.05)
        await stage.pause()
    finally:
        await mend_slips(stage.database)


async def the_clock_moves(stage: Stage) -> None:
    """One worker reads a wall clock that jumps by an hour and back."""
    async with stage.another("clock jumps") as worker:
        await worker.until_ready()
        while not await worker.metric("loyalty_events_total"):
            await asyncio.sleep(0.05)
        await stage.pause()
        assert await worker.terminate() == 0


async def rolling_restart(stage: Stage) -> None:
    async with stage.another() as third:
        await third.until_ready()
        for worker in [*stage.workers, third]:
            assert await worker.terminate() == 0
            await worker.start()
            await worker.until_ready()
        assert await third.terminate() == 0


async def create_again(stage: Stage) -> None:
    """Delete the slips' topic and create it again, under running workers."""
    kafka = stage.servers.kafka_address
    await delete_topics(kafka, [stage.topic])
    async with asyncio.timeout(30):
        while True:
            try:
                await create_topic(kafka, stage.topic, PARTITIONS)
            except RuntimeError:  # the broker is still deleting
                await asyncio.sleep(0.05)
            else:
                return


def backing_off(stage: Stage) -> int:
    """Return how often the stage's workers have backed off so far."""
    return sum(len(worker.events("partition_backs_off")) for worker in stage.workers)


SCENARIOS = (
    Scenario("SIGKILL at a random instant", killed_at_a_random_instant),
    Scenario(
        "SIGKILL after post, before commit; and after commit, before ack",
        killed_at("after post, before commit", "after commit, before ack"),
    ),
    Scenario("SIGKILL amid a rebalance", killed_amid_a_rebalance),
    Scenario("SIGKILL during relay", killed_during_relay),
    Scenario("SIGSTOP beyond the session timeout", a_zombie_wakes_up),
    Scenario("Kafka restarts", kafka_restarts),
    Scenario("Kafka is killed", kafka_is_killed),
    Scenario("PostgreSQL restarts", postgres_restarts),
    Scenario("PostgreSQL is killed", postgres_is_killed),
    Scenario("connections are cut", connections_are_cut),
    Scenario("connections are slow, then silent", connections_are_slow_and_silent),
    Scenario("answers to COMMIT are lost", answers_to_commits_are_lost),
    Scenario("commits fail", commits_fail),
    Scenario("the disk is full (53100)", the_disk_is_full),
    Scenario("the clock jumps by an hour", the_clock_moves),
    Scenario("rolling restart of three workers", rolling_restart),
)
