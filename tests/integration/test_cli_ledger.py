"""`loyalty ledger show|trace` on a real database with the operator's login."""

import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from command import Run, loyalty
from events import structured
from loyalty_worker.consumers.decoder import SlipDecoder
from loyalty_worker.database.gateways import (
    StaffContext,
    StaffTransaction,
    staff_transaction,
)
from loyalty_worker.database.transaction import PostgresLedgerTransaction
from loyalty_worker.domain.events import SlipClosed
from loyalty_worker.embedded.logins import DatabaseUrls
from slips import SlipFactory
from sqltools import add_casino, connected

CASINO = "6a1d9a34-6f0e-4d0e-9a1c-0b7b1f6f2a10"


async def post(database: DatabaseUrls, events: Sequence[dict[str, Any]]) -> None:
    """Post closed slips as the worker does."""
    decode = SlipDecoder()
    records = [structured(json.dumps(event).encode()) for event in events]
    slips = [(record, slip) for record in records if isinstance(slip := decode(record), SlipClosed)]
    async with connected(database.worker) as connection, connection.transaction():
        await connection.execute(
            "SELECT set_service_context($1, $2)", [slip.casino_id for _, slip in slips], "test"
        )
        await PostgresLedgerTransaction(connection).post_closed_slips(slips)


@pytest.fixture
async def slips(database: DatabaseUrls) -> SlipFactory:
    """A provisioned casino with one player."""
    factory = SlipFactory(players=1)
    await add_casino(database, factory.casino_id)
    return factory


async def show(database: DatabaseUrls, slips: SlipFactory, *arguments: str) -> Run:
    """Run `ledger show` for the player."""
    return await loyalty(
        *("ledger", "show", slips.players[0], "--casino", slips.casino_id, *arguments),
        OPERATOR_DATABASE_URL=database.operator,
    )


async def trace(database: DatabaseUrls, *arguments: str) -> Run:
    """Run `ledger trace`."""
    return await loyalty("ledger", "trace", *arguments, OPERATOR_DATABASE_URL=database.operator)


def numbers(run: Run) -> list[int]:
    """Return the entry numbers of a statement in JSON."""
    assert run.returncode == 0, run.stderr
    return [entry["entry_no"] for entry in json.loads(run.stdout)["entries"]]


async def test_a_statement_shows_a_player_s_balance_and_entries_newest_first(
    database: DatabaseUrls, slips: SlipFactory
) -> None:
    await post(database, [slips.event() for _ in range(3)])

    whole = await show(database, slips, "--json")
    newest = await show(database, slips, "--limit", "2")

    assert whole.returncode == 0, whole.stderr
    statement = json.loads(whole.stdout)
    entries = statement["entries"]
    assert [entry["entry_no"] for entry in entries] == [3, 2, 1]
    assert statement["current_balance"] == entries[0]["balance_after"]
    assert statement["current_balance"] == sum(entry["points_delta"] for entry in entries)
    assert statement["entry_count"] == 3
    assert statement["next_cursor"] is None
    assert {entry["reason"] for entry in entries} == {"base_accrual"}
    assert len(newest.stdout.splitlines()) == 4
    assert entries[0]["id"] in newest.stdout
    assert newest.stdout.endswith(f"balance {statement['current_balance']} after 3 entries\n")


async def test_the_pages_of_a_statement_are_the_whole_statement(
    database: DatabaseUrls, slips: SlipFactory
) -> None:
    await post(database, [slips.event() for _ in range(5)])

    pages: list[list[int]] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        page = await show(
            database,
            slips,
            *("--limit", "2", "--json"),
            *(() if cursor is None else ("--cursor", cursor)),
        )
        pages.append(numbers(page))
        cursor = json.loads(page.stdout)["next_cursor"]

    assert pages == [[5, 4], [3, 2], [1]]
    assert numbers(await show(database, slips, "--all", "--json")) == [5, 4, 3, 2, 1]


async def test_the_next_page_s_cursor_is_printed_and_stays_right_while_entries_are_added(
    database: DatabaseUrls, slips: SlipFactory
) -> None:
    await post(database, [slips.event() for _ in range(3)])
    first = await show(database, slips, "--limit", "2")
    cursor = first.stderr.split("--cursor ")[1].split()[0]
    await post(database, [slips.event() for _ in range(2)])

    assert numbers(await show(database, slips, "--cursor", cursor, "--json")) == [1]


async def test_a_cursor_of_another_filter_is_a_usage_error(
    database: DatabaseUrls, slips: SlipFactory
) -> None:
    await post(database, [slips.event() for _ in range(3)])
    page = await show(database, slips, "--limit", "1", "--json")
    cursor = json.loads(page.stdout)["next_cursor"]

    other = await show(database, slips, "--cursor", cursor, "--reason", "redeem")
    damaged = await show(database, slips, "--cursor", cursor[:-1] + "?")
    both = await show(database, slips, "--cursor", cursor, "--all")

    assert [other.returncode, damaged.returncode, both.returncode] == [2, 2, 2]
    assert "another player, casino or filter" in other.stderr
    assert "start again without one" in damaged.stderr
    assert "--all" in both.stderr


async def test_a_statement_is_narrowed_by_slip_visit_kind_and_time(
    database: DatabaseUrls, slips: SlipFactory
) -> None:
    hours = [f"2026-03-14T{hour}:00:00Z" for hour in (18, 19, 20)]
    events = [
        slips.event(started_at=hours[0], closed_at=closed, duration_seconds=60) for closed in hours
    ]
    events[0]["data"]["started_at"] = "2026-03-14T17:00:00Z"
    await post(database, events)
    second = events[1]["data"]

    async def found(*arguments: str) -> list[int]:
        return numbers(await show(database, slips, *arguments, "--json"))

    assert await found("--slip", second["rating_slip_id"]) == [2]
    assert await found("--visit", second["visit_id"]) == [2]
    assert await found("--reason", "base_accrual") == [3, 2, 1]
    assert await found("--reason", "redeem") == []
    assert await found("--from", hours[1]) == [3, 2]
    assert await found("--to", hours[1]) == [1]
    assert await found("--from", "2026-03-14T20:00:00+01:00", "--to", "2026-03-14T20:00") == [2]
    assert await found("--from", "2026-03-14", "--to", "2026-03-15") == [3, 2, 1]
    assert (await show(database, slips, "--from", "yesterday")).returncode == 2


async def test_a_cached_balance_that_is_wrong_is_said_beside_the_statement(
    database: DatabaseUrls, slips: SlipFactory
) -> None:
    await post(database, [slips.event()])
    sound = await show(database, slips)
    async with connected(database.superuser) as superuser:
        await superuser.execute("UPDATE player_loyalty SET current_balance = 7")

    drifted = await show(database, slips)

    assert sound.stderr == ""
    assert "the cached balance 7 (1 entries) differs" in drifted.stderr


async def test_a_statement_of_one_casino_shows_nothing_of_another(
    database: DatabaseUrls, slips: SlipFactory
) -> None:
    await add_casino(database, CASINO, "Other")
    await post(database, [slips.event()])

    run = await loyalty(
        *("ledger", "show", slips.players[0], "--casino", CASINO, "--json"),
        OPERATOR_DATABASE_URL=database.operator,
    )

    assert json.loads(run.stdout)["entries"] == []
    assert json.loads(run.stdout)["current_balance"] == 0


async def test_a_statement_of_a_casino_that_nobody_provisioned_is_refused(
    database: DatabaseUrls,
) -> None:
    run = await loyalty(
        *("ledger", "show", str(uuid.uuid4()), "--casino", CASINO),
        OPERATOR_DATABASE_URL=database.operator,
    )

    assert run.returncode == 5
    assert "loyalty casino list" in run.stderr


async def entry_ids(database: DatabaseUrls, slips: SlipFactory) -> list[str]:
    """Return the ids of the player's entries, oldest first."""
    statement = json.loads((await show(database, slips, "--all", "--json")).stdout)
    return [entry["id"] for entry in reversed(statement["entries"])]


async def test_a_trace_tells_event_facts_policy_and_arithmetic_of_a_base_accrual(
    database: DatabaseUrls, slips: SlipFactory
) -> None:
    policy = {
        "house_edge": "1.5",
        "decisions_per_hour": 70,
        "points_conversion_rate": 10,
        "policy_version": "loyalty_points_v1",
    }
    event = slips.event(
        average_bet="125.00",
        started_at="2026-03-14T20:00:00Z",
        closed_at="2026-03-14T22:00:00Z",
        duration_seconds=5400,
        policy_snapshot={"loyalty": policy},
    )
    await post(database, [event])
    (entry,) = await entry_ids(database, slips)

    text = await trace(database, entry)
    document = json.loads((await trace(database, entry, "--json")).stdout)

    assert text.returncode == 0, text.stderr
    for told in (
        f"entry {entry}: base_accrual, +1969 points",
        event["id"],
        f"rating slip {event['data']['rating_slip_id']}, closed",
        "house_edge              1.5",
        "rounding                half_away_from_zero",
        (
            "bet 125.00 × edge 1.5 % × 70 decisions/h × 5400 s ÷ 3600 = theo 196.875;"
            " × 10 = 1968.75 → 1969"
        ),
        "balance 0 + 1969 = 1969",
    ):
        assert told in text.stdout
    assert document["points_delta"] == 1969
    assert [step["holds"] for step in document["arithmetic"]] == [True, True]
    assert document["rating_slip"]["average_bet"] == "125.00"
    assert document["metadata"]["event"]["id"] == event["id"]
    assert document["base"] is document["takes_back"] is document["taken_back_by"] is None


async def test_a_trace_is_found_without_a_casino_and_not_at_another_one(
    database: DatabaseUrls, slips: SlipFactory
) -> None:
    await add_casino(database, CASINO, "Other")
    await post(database, [slips.event()])
    (entry,) = await entry_ids(database, slips)

    there = await trace(database, entry, "--casino", slips.casino_id)
    elsewhere = await trace(database, entry, "--casino", CASINO)

    assert there.returncode == 0, there.stderr
    assert elsewhere.returncode == 5
    assert elsewhere.stdout == ""
    assert f"no ledger entry {entry} at casino {CASINO}" in elsewhere.stderr


async def test_points_that_the_facts_do_not_give_are_found_by_the_trace(
    database: DatabaseUrls, slips: SlipFactory
) -> None:
    await post(database, [slips.event()])
    (entry,) = await entry_ids(database, slips)
    async with connected(database.superuser) as superuser:
        await superuser.execute(
            "ALTER TABLE loyalty_ledger DISABLE TRIGGER USER;"
            " UPDATE loyalty_ledger SET points_delta = points_delta + 1"
        )

    run = await trace(database, entry)

    assert run.returncode == 3
    assert run.stdout.count("✗ not what is booked") == 2
    assert "compare with a backup" in run.stderr


@asynccontextmanager
async def acting_admin(
    database: DatabaseUrls, casino_id: uuid.UUID
) -> AsyncIterator[tuple[StaffTransaction, uuid.UUID]]:
    """Give a transaction of an administrator of the casino, and who that is."""
    context = StaffContext(uuid.uuid4(), casino_id, "admin", "test")
    async with connected(database.superuser) as superuser:
        await superuser.execute(
            "INSERT INTO staff (casino_id, id, role) VALUES ($1, $2, $3)",
            casino_id,
            context.actor_id,
            context.role,
        )
    async with (
        asyncpg.create_pool(database.staff_gateway, min_size=1, max_size=1) as pool,
        staff_transaction(pool, context, 10.0) as staff,
    ):
        yield staff, context.actor_id


async def test_promotions_and_reversals_are_traced_to_each_other_and_overdraws_to_who_approved(
    database: DatabaseUrls, slips: SlipFactory
) -> None:
    event = slips.event()
    await post(database, [event])
    (base,) = await entry_ids(database, slips)
    casino, player = uuid.UUID(slips.casino_id), uuid.UUID(slips.players[0])
    async with acting_admin(database, casino) as (staff, actor):
        promoted = await staff.apply_promotion(
            casino_id=casino,
            rating_slip_id=uuid.UUID(event["data"]["rating_slip_id"]),
            campaign_id="spring",
            idempotency_key=uuid.uuid4(),
            bonus_points=500,
        )
        reversed_ = await staff.reverse_ledger_entry(
            casino_id=casino,
            ledger_id=promoted.ledger_id,
            staff_id=actor,
            note="wrong campaign",
            idempotency_key=uuid.uuid4(),
        )
        comp = await staff.redeem(
            casino_id=casino,
            player_id=player,
            points=reversed_.balance_after + 300,
            staff_id=actor,
            note="a dinner",
            idempotency_key=uuid.uuid4(),
            allow_overdraw=True,
            reference="table 7",
        )

    of_base = await trace(database, base)
    of_promotion = await trace(database, str(promoted.ledger_id))
    of_reversal = await trace(database, str(reversed_.ledger_id))
    of_comp = await trace(database, str(comp.ledger_id))

    assert f"promotion entry {promoted.ledger_id}: promotion, number 2, +500" in of_base.stdout
    for told in (
        "campaign                spring",
        "bonus 500",
        f"on top of entry {base}: base_accrual, number 1",
        f"taken back by entry {reversed_.ledger_id}: reversal, number 3, -500",
    ):
        assert told in of_promotion.stdout
    assert f"takes back entry {promoted.ledger_id}: promotion" in of_reversal.stdout
    assert "- (+500)" in of_reversal.stdout
    assert "wrong campaign" in of_reversal.stdout
    assert "on top of" not in of_reversal.stdout
    for told in (
        f"approved_by             {actor}",
        "points                  300",
        "table 7",
        "= -300",
    ):
        assert told in of_comp.stdout
    assert [run.returncode for run in (of_base, of_promotion, of_reversal, of_comp)] == [0] * 4
