"""`loyalty drift check|list|reconcile`: what is found, how it ends, and what a person mends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
import pytest
from typer.testing import CliRunner

from command import Run, loyalty
from loyalty_worker.cli.drift import drift
from loyalty_worker.cli.exits import explain
from loyalty_worker.embedded.addresses import HOST, free_port
from loyalty_worker.embedded.logins import DatabaseUrls
from sqlslips import new_slip, post, scope
from sqltools import add_casino, connected, row_of, seem_busy, value_of

Process: TypeAlias = subprocess.Popen[str]

ENTRIES = 3
POINTS = 2100  # of each entry
SOUND = 300  # players beside those that drift: below 5 % a finding's severity is its own

WHY = ("--yes", "--reason", "ticket 17", "--actor", "Rosa")

_CACHE = "UPDATE player_loyalty SET {} WHERE player_id = $1"
_ENTRY = "UPDATE loyalty_ledger SET {} WHERE player_id = $1 AND entry_no = {}"
_LOSS = "DELETE FROM loyalty_ledger WHERE player_id = $1 AND entry_no = {}"
_ADDITION = """
    INSERT INTO loyalty_ledger (casino_id, player_id, entry_no, points_delta, balance_after, reason,
        source_kind, source_id, rating_slip_id, idempotency_key, payload_hash)
    SELECT casino_id, player_id, entry_no + 1, 50, balance_after + 50, reason,
        source_kind, s.id, s.id, s.id, payload_hash
    FROM loyalty_ledger CROSS JOIN gen_random_uuid() AS s (id)
    WHERE player_id = $1 AND entry_no = 3
"""
# What was done to a player, how, and what is found: kinds with severity, cached and computed.
PLANTS: dict[str, tuple[str, dict[str, str], int | None, int]] = {
    "raised": (
        _CACHE.format("current_balance = 6401"),
        {"balance": "warning"},
        6401,
        6300,
    ),
    "lowered": (
        _CACHE.format("current_balance = 5000"),
        {"balance": "critical"},
        5000,
        6300,
    ),
    "hole": (
        _LOSS.format(2),
        {"balance": "critical", "entries_missing": "critical", "entry_count": "critical"},
        6300,
        4200,
    ),
    "no end": (_LOSS.format(3), {"balance": "critical", "entry_count": "critical"}, 6300, 4200),
    "added": (_ADDITION, {"balance": "info", "entry_count": "info"}, 6300, 6350),
    "points": (
        _ENTRY.format("points_delta = 2105", 3),
        {"balance": "info", "chain_broken": "critical"},
        6300,
        6305,
    ),
    "chain": (_ENTRY.format("balance_after = 7", 2), {"chain_broken": "critical"}, 6300, 6300),
    "counted up": (_CACHE.format("entry_count = 5"), {"entry_count": "info"}, 6300, 6300),
    "counted down": (_CACHE.format("entry_count = 2"), {"entry_count": "info"}, 6300, 6300),
    "no cache": (
        "DELETE FROM player_loyalty WHERE player_id = $1",
        {"cache_missing": "critical"},
        None,
        6300,
    ),
    "no entries": (
        "UPDATE player_loyalty SET current_balance = -40 WHERE player_id = $1",
        {"cache_without_entries": "info"},
        -40,
        0,
    ),
}


async def here(*arguments: str, **settings: str) -> Run:
    """Run `loyalty drift ARGUMENTS` in this process; one at a time."""
    outside = {name: None for name in os.environ if name.startswith(("LOYALTY_", "PG"))}
    inside = {f"LOYALTY_{name}": value for name, value in settings.items()}
    result = await asyncio.to_thread(
        CliRunner().invoke, drift, arguments, env={**outside, **inside}
    )
    if isinstance(result.exception, Exception):
        status, text = explain(result.exception)
        return Run(arguments, status, result.stdout, f"{result.stderr}{text}\n")
    return Run(arguments, result.exit_code, result.stdout, result.stderr)


# One player's cache deadlocks once, another's ends the session that commits it; all note theirs.
_FAILING = """
    CREATE TABLE session (player_id uuid, pid integer);
    CREATE SEQUENCE deadlocks;
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN
        IF TG_ARGV[0] = NEW.player_id::text AND nextval('deadlocks') = 1 THEN
            RAISE EXCEPTION 'provoked' USING ERRCODE = 'deadlock_detected';
        END IF;
        INSERT INTO session VALUES (NEW.player_id, pg_backend_pid());
        RETURN NEW;
    END$$;
    CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN
        IF TG_ARGV[0] = NEW.player_id::text THEN
            PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60);
        END IF;
        RETURN NULL;
    END$$;
    CREATE TRIGGER fail BEFORE UPDATE ON player_loyalty
        FOR EACH ROW EXECUTE FUNCTION fail('{deadlocks}');
    CREATE CONSTRAINT TRIGGER vanish AFTER UPDATE ON player_loyalty INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION vanish('{vanishes}');
"""


@contextmanager
def started(database: DatabaseUrls, *arguments: str, **settings: str) -> Iterator[Process]:
    """Start `loyalty drift ARGUMENTS` with the operator's login; it is not left running."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("LOYALTY_")}
    settings["OPERATOR_DATABASE_URL"] = database.operator
    process = subprocess.Popen(
        [sys.executable, "-m", "loyalty_worker", "drift", *arguments],
        env={**outside, **{f"LOYALTY_{name}": value for name, value in settings.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@dataclass(frozen=True, slots=True)
class House:
    """A casino with players whose balances are right, and who runs commands on it."""

    database: DatabaseUrls
    casino: uuid.UUID
    players: dict[str, uuid.UUID]

    async def drift(self, *arguments: str) -> Run:
        """Run `loyalty drift ARGUMENTS` with the operator's login."""
        return await loyalty("drift", *arguments, OPERATOR_DATABASE_URL=self.database.operator)

    async def here(self, *arguments: str) -> Run:
        """Run the same in this process, which takes a tenth of the time."""
        return await here(*arguments, OPERATOR_DATABASE_URL=self.database.operator)

    async def told(self, status: int, *arguments: str) -> Any:  # noqa: ANN401 - a document
        """Return the JSON document of a command that ends with this status."""
        run = await self.here(*arguments, "--json")
        assert run.returncode == status, run.stdout + run.stderr
        return json.loads(run.stdout)

    def named(self, name: str) -> tuple[str, ...]:
        """Return the arguments that name a player."""
        return str(self.players[name]), "--casino", str(self.casino)

    async def plant(self, *names: str) -> None:
        """Do to each named player what the database lets nobody do: with the guards off."""
        async with connected(self.database.superuser) as superuser, superuser.transaction():
            await superuser.execute("ALTER TABLE loyalty_ledger DISABLE TRIGGER USER")
            for name in names:
                assert (await superuser.execute(PLANTS[name][0], self.players[name]))[-1] == "1"

    async def checked(self) -> str:
        """Check as the worker does, and return the run's id."""
        async with connected(self.database.worker) as worker, scope(worker, [self.casino]):
            run: uuid.UUID = await worker.fetchval(
                "SELECT run_id FROM begin_drift_check('command', NULL, NULL, NULL, 'test')"
            )
            advance = "SELECT walked FROM advance_drift_check($1, 5000, 50000)"
            while not await worker.fetchval(advance, run):
                pass
            await worker.execute("SELECT close_drift_check($1, 'alerts', '/test')", run)
        return str(run)

    async def drifting(self, run: str) -> set[str]:
        """Return the names of the players of whom a run found something."""
        async with connected(self.database.superuser) as superuser:
            rows = await superuser.fetch(
                "SELECT player_id FROM drift_finding WHERE run_id = $1", uuid.UUID(run)
            )
        return {self.name_of(row) for row in rows}

    def name_of(self, row: Mapping[str, object] | asyncpg.Record) -> str:
        """Return the name of a row's player."""
        (name,) = (one for one, id_ in self.players.items() if str(id_) == str(row["player_id"]))
        return name

    def by_name(self, rows: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
        """Return what a reconciliation shows of each player, without its ids."""
        return {self.name_of(row): tuple(row.values())[2:] for row in rows}

    async def cache(self, name: str) -> tuple[int, int]:
        """Return a player's cached balance and count of entries."""
        async with connected(self.database.superuser) as superuser:
            row = await superuser.fetchrow(
                "SELECT current_balance, entry_count FROM player_loyalty WHERE player_id = $1",
                self.players[name],
            )
        assert row is not None
        return row["current_balance"], row["entry_count"]

    async def audited(self) -> list[asyncpg.Record]:
        """Return what was audited of reconciliations, in order."""
        async with connected(self.database.superuser) as superuser:
            return list(
                await superuser.fetch(
                    "SELECT actor_name, details FROM audit_log WHERE action = 'reconcile'"
                    " ORDER BY id"
                )
            )


@pytest.fixture
async def house(database: DatabaseUrls) -> House:
    casino = uuid.uuid4()
    await add_casino(database, str(casino))
    players = {name: uuid.uuid4() for name in PLANTS}
    with_entries = [player for name, player in players.items() if name != "no entries"]
    async with connected(database.worker) as worker:
        await post(
            worker,
            *(
                new_slip(casino, player_id=player)
                for player in with_entries
                for _ in range(ENTRIES)
            ),
        )
    async with connected(database.superuser) as superuser:
        await superuser.execute(
            "WITH p AS (INSERT INTO player (id) SELECT unnest($2::uuid[]) RETURNING id)"
            " INSERT INTO player_loyalty (casino_id, player_id) SELECT $1, id FROM p",
            casino,
            [players["no entries"], *(uuid.uuid4() for _ in range(SOUND))],
        )
    return House(database, casino, players)


async def test_each_kind_of_planted_drift_is_found_and_named(house: House) -> None:
    players = SOUND + len(PLANTS)
    clean = await house.told(0, "check")
    nothing = await house.here("list")
    await house.plant(*PLANTS)
    check = await house.drift("check", "--json")
    drifted = json.loads(check.stdout)
    listed = await house.told(0, "list")

    assert (clean["verdict"], clean["players_checked"]) == ("clean", players)
    assert nothing.stdout == ""
    assert "no drift is open, by checks of" in nothing.stderr
    assert check.returncode == 3
    assert (drifted["verdict"], drifted["players_checked"]) == ("drift", players)
    assert (drifted["players_drifted"], drifted["largest_drift"]) == (len(PLANTS), 6300)
    found: dict[str, dict[str, str]] = {name: {} for name in PLANTS}
    for row in listed:
        name = house.name_of(row)
        _, _, cached, computed = PLANTS[name]
        found[name][row["kind"]] = row["severity"]
        assert (row["current_balance"], row["computed_balance"]) == (cached, computed), name
        assert row["drift"] == (cached or 0) - computed
        assert (row["run_id"], row["casino_id"]) == (drifted["run_id"], str(house.casino))
        assert row["reconciled_at"] is None
    assert found == {name: kinds for name, (_, kinds, _, _) in PLANTS.items()}
    gravity = [
        (("critical", "warning", "info").index(row["severity"]), -abs(row["drift"]))
        for row in listed
    ]
    assert gravity == sorted(gravity)


async def test_one_casino_is_checked_alone_and_listed_alone(house: House) -> None:
    other = uuid.uuid4()
    await add_casino(house.database, str(other), "Other")
    await house.plant("raised", "no cache")

    alone = await house.told(0, "check", "--casino", str(other))
    before = await house.here("list")
    both = await house.drift("check")
    largest = await house.drift("list", "--limit", "1")
    runs = await house.told(0, "list", "--runs")
    none = await house.told(0, "list", "--casino", str(other))

    assert (alone["verdict"], alone["players_checked"]) == ("clean", 0)
    assert before.stdout == ""
    assert "casinos never checked: 1" in before.stderr
    assert both.returncode == 3
    run = runs[0]["id"]
    players = SOUND + len(PLANTS)
    assert both.stdout == (
        f"drift: 2 of {players} players drift, by 6300 points at most (run {run})\n"
    )
    assert f"loyalty drift list --run {run}" in both.stderr
    header, *lines = largest.stdout.splitlines()
    assert header.split()[:5] == ["casino_id", "player_id", "kind", "severity", "drift"]
    assert [line.split()[1:5] for line in lines] == [
        [str(house.players["no cache"]), "cache_missing", "critical", "-6300"]
    ]
    assert "--limit shows more" in largest.stderr
    assert [(one["casino_id"], one["trigger"], one["verdict"]) for one in runs] == [
        (None, "command", "drift"),
        (str(other), "command", "clean"),
    ]
    assert none == []


async def test_what_does_not_exist_is_refused(house: House) -> None:
    nobody, casino = str(uuid.uuid4()), str(house.casino)
    for arguments, hint in (
        (("check", "--casino", nobody), "loyalty casino list"),
        (("list", "--casino", nobody), "loyalty casino list"),
        (("list", "--run", nobody), "loyalty drift list --runs"),
        (("reconcile", "--run", nobody, *WHY), "loyalty drift list --runs"),
        (("reconcile", nobody, "--casino", casino, *WHY), "LOYALTY_PLAYER_NOT_FOUND"),
        (("reconcile", nobody, "--casino", nobody, *WHY), "LOYALTY_PLAYER_NOT_FOUND"),
    ):
        run = await house.here(*arguments)
        assert run.returncode == 5, run.stderr
        assert hint in run.stderr
    assert await house.audited() == []


async def test_a_missing_login_and_a_database_that_is_away_are_told() -> None:
    away = {"OPERATOR_DATABASE_URL": f"postgresql://nobody@{HOST}:{free_port()}/loyalty"}
    without, check = await asyncio.gather(
        loyalty("drift", "check"), loyalty("drift", "check", **away)
    )
    assert without.returncode == 4
    assert "LOYALTY_OPERATOR_DATABASE_URL: is not set" in without.stderr
    listed = await here("list", **away)
    player = (str(uuid.uuid4()), "--casino", str(uuid.uuid4()))
    for run in (check, listed, await here("reconcile", *player, *WHY, **away)):
        assert (run.returncode, run.stdout) == (4, ""), run.stderr
        (sentence,) = run.stderr.splitlines()
        assert sentence.startswith("PostgreSQL")


async def test_a_check_that_cannot_be_made_says_what_to_do(
    house: House, empty_database: DatabaseUrls
) -> None:
    for login, status, told in (
        (empty_database.operator, 4, "SQLSTATE 42P01); run `loyalty migrate up`"),
        (house.database.readonly, 4, "SQLSTATE 42501); check that the URL is that of the login"),
        (house.database.owner, 5, "LOYALTY_FORBIDDEN: this login may not do that (SQLSTATE LY030)"),
    ):
        run = await here("check", OPERATOR_DATABASE_URL=login)
        assert (run.returncode, run.stdout) == (status, ""), run.stderr
        assert told in run.stderr
    async with connected(house.database.superuser) as superuser, superuser.transaction():
        await superuser.execute("LOCK TABLE drift_check_run")
        run = await here(
            "check",
            OPERATOR_DATABASE_URL=house.database.operator,
            DATABASE_LOCK_TIMEOUT_MS="10",
        )
    assert (run.returncode, run.stdout) == (4, "")
    assert "another drift check holds the run" in run.stderr
    assert "run the command again" in run.stderr


async def test_mistakes_of_usage_are_told_before_anything_is_asked() -> None:
    one, casino = str(uuid.uuid4()), ("--casino", str(uuid.uuid4()))
    for arguments, told in (
        (("reconcile", one, *casino, "--reason", " ", "--yes"), "say why, in words"),
        (("reconcile", one, *casino, "--yes"), "--reason"),
        (("reconcile", one, *WHY), "PLAYER_ID and --casino"),
        (("reconcile", *casino, *WHY), "PLAYER_ID and --casino"),
        (("reconcile", *WHY), "--run"),
        (("reconcile", one, "--run", one, *WHY), "--run"),
        (("reconcile", "Rosa", *casino, *WHY), "UUID"),
        (("list", "--runs", "--run", one), "leave --run and --casino out"),
        (("list", "--limit", "0"), "--limit"),
    ):
        run = await here(*arguments)
        assert (run.returncode, run.stdout) == (2, "")
        assert told in run.stderr


async def test_an_interrupted_check_goes_on_where_it_stood(house: House) -> None:
    await seem_busy(house.database)
    state = "SELECT count(*), sum(players_checked) FROM drift_check_run"
    pausing = {"DRIFT_CHECK_LOAD": "0.00001"}  # after the first chunk
    with started(house.database, "check", **pausing) as check:
        async with asyncio.timeout(60):
            while not (await row_of(house.database, state))[1]:
                await asyncio.sleep(0.05)
        check.send_signal(signal.SIGINT)
        output, errors = check.communicate(timeout=60)
    await house.plant("raised")  # behind the position: this run does not look there again
    run = await house.told(0, "check")

    assert (check.returncode, output) == (130, "")
    assert "Traceback" not in errors
    players = SOUND + len(PLANTS)
    assert (run["verdict"], run["players_checked"]) == ("clean", players)
    assert tuple(await row_of(house.database, state)) == (1, players)


async def test_a_check_that_was_given_up_meanwhile_is_neither_clean_nor_drift(house: House) -> None:
    async with connected(house.database.superuser) as superuser:
        await superuser.execute(
            "CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
            " NEW.verdict := 'abandoned'; NEW.finished_at := now(); RETURN NEW; END$$"
        )
        await superuser.execute(
            "CREATE TRIGGER give_up BEFORE UPDATE ON drift_check_run FOR EACH ROW"
            " WHEN (NEW.finished_at IS NULL) EXECUTE FUNCTION give_up()"
        )
    run = await house.here("check")
    assert (run.returncode, run.stdout) == (1, "")
    assert "was given up; check anew" in run.stderr


async def test_a_run_s_players_are_reconciled_but_not_to_fit_a_ledger_that_lost_entries(
    house: House,
) -> None:
    caches = "SELECT sum(hashtext(p::text)) FROM player_loyalty AS p"
    await house.plant(*PLANTS)
    run = await house.checked()
    before = await value_of(house.database, caches)
    reconcile = ("reconcile", "--run", run)
    plan = house.by_name(await house.told(2, *reconcile, *WHY[1:]))
    assert await value_of(house.database, caches) == before
    assert await house.audited() == []
    done = house.by_name(await house.told(3, *reconcile, *WHY))
    open_ = await house.told(0, "list")
    again = await house.drift(*reconcile, *WHY)

    damaged = (6300, None, 3, None, "refused: LOYALTY_LEDGER_DAMAGED", None)
    warning = "entries may be missing"
    assert done == {
        "raised": (6401, 6300, 3, 3, "reconciled", None),
        "lowered": (5000, 6300, 3, 3, "reconciled", None),
        "hole": damaged,
        "no end": (6300, 4200, 3, 2, "left", warning),
        "added": (6300, 6350, 3, 4, "reconciled", None),
        "points": damaged,
        "chain": damaged,
        "counted up": (6300, 6300, 5, 3, "left", warning),
        "counted down": (6300, 6300, 2, 3, "reconciled", None),
        "no cache": (None, 6300, None, 3, "reconciled", None),
        "no entries": (-40, 0, 0, 0, "reconciled", None),
    }
    assert plan == {
        name: tuple("would be reconciled" if cell == "reconciled" else cell for cell in row)
        for name, row in done.items()
    }
    mended = {name for name, row in done.items() if row[4] == "reconciled"}
    for name in mended:
        assert await house.cache(name) == (done[name][1], done[name][3])
    assert len(await house.audited()) == len(mended)
    assert {house.name_of(row) for row in open_} == PLANTS.keys() - mended
    assert again.returncode == 3
    assert again.stderr.count("LOYALTY_LEDGER_DAMAGED") == 1
    assert "2 of 5 players are left as they are" in again.stderr
    assert "loyalty audit coverage" in again.stderr
    assert await house.drifting(await house.checked()) == PLANTS.keys() - mended


async def test_a_reconciliation_that_ends_early_prints_what_it_did(house: House) -> None:
    plants = ("raised", "lowered", "added", "counted down")
    await house.plant(*plants)
    reconcile = ("reconcile", "--run", await house.checked(), *WHY, "--json")
    first, second, third, fourth = sorted(plants, key=house.players.__getitem__)
    async with connected(house.database.superuser) as superuser:
        await superuser.execute(
            _FAILING.format(deadlocks=house.players[first], vanishes=house.players[third])
        )
        lost = await house.here(*reconcile)
        (sessions,) = await superuser.fetch("SELECT count(DISTINCT pid) FROM session")
        await superuser.execute("DROP TRIGGER vanish ON player_loyalty")
        async with superuser.transaction():
            await superuser.execute(
                "SELECT FROM player_loyalty WHERE player_id = $1 FOR UPDATE", house.players[fourth]
            )
            with started(house.database, *reconcile) as command:
                async with asyncio.timeout(60):
                    while len(await house.audited()) < 3:
                        await asyncio.sleep(0.05)
                command.send_signal(signal.SIGINT)
                output, errors = command.communicate(timeout=60)

    def results(document: str) -> list[tuple[str, str]]:
        return [(house.name_of(row), row["result"]) for row in json.loads(document)]

    assert lost.returncode == 4
    assert results(lost.stdout) == [
        (first, "reconciled"),
        (second, "reconciled"),
        (third, "not known"),
    ]
    assert "ended after 3 of 4 players; run the command again for the rest" in lost.stderr
    assert sessions["count"] == 1
    assert command.returncode == 130
    assert results(output) == [(third, "reconciled")]
    assert "ended after 1 of 2 players" in errors
    assert "Traceback" not in errors


async def test_a_named_player_is_reconciled_with_yes_and_a_reason_that_is_audited(
    house: House,
) -> None:
    await house.plant("no end", "hole")
    run = await house.checked()
    plan = await house.drift("reconcile", *house.named("no end"), *WHY[1:])
    assert plan.returncode == 2
    assert plan.stdout.splitlines()[1].split()[2:6] == ["6300", "4200", "3", "2"]
    assert "the cache counts 3 entries, the ledger has 2: entries may be missing" in plan.stderr
    assert "nothing was changed; add --yes" in plan.stderr
    assert await house.cache("no end") == (6300, 3)

    done = await house.drift("reconcile", *house.named("no end"), *WHY)
    refused = await house.drift("reconcile", *house.named("hole"), *WHY)

    assert done.returncode == 0
    assert await house.cache("no end") == (4200, 2)
    (audit,) = await house.audited()
    assert audit["actor_name"] == "Rosa"
    assert json.loads(audit["details"]) == {
        "player_id": str(house.players["no end"]),
        "reason": "ticket 17",
        "drift_detected": True,
        "cache_was_missing": False,
        "old_balance": 6300,
        "new_balance": 4200,
        "old_entry_count": 3,
        "new_entry_count": 2,
    }
    assert refused.returncode == 5
    assert refused.stderr.count("LOYALTY_LEDGER_DAMAGED") == 1
    assert await house.cache("hole") == (6300, 3)
    listed = await house.told(0, "list", "--run", run)
    reconciled = {house.name_of(row) for row in listed if row["reconciled_at"] is not None}
    assert reconciled == {"no end"}
    assert {house.name_of(row) for row in listed} == {"no end", "hole"}
    assert await house.drifting(await house.checked()) == {"hole"}
