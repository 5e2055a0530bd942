"""The typed gateways: results, pages, and refusals as exceptions."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import pytest

from loyalty_worker.database.cursors import CursorError, StatementQuery
from loyalty_worker.database.functions import LedgerFunctions
from loyalty_worker.database.gateways import (
    StaffContext,
    StaffTransaction,
    service_transaction,
    staff_transaction,
)
from loyalty_worker.database.refused import LoyaltyRefusedError
from loyalty_worker.database.results import LedgerPage, PlayerBalance
from loyalty_worker.domain.entries import LedgerReason
from loyalty_worker.domain.refusals import Refusal
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.ports import Fault
from sqlslips import new_slip, post
from sqltools import add_casino, connected, value_of

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

SECONDS = 10.0


@pytest.fixture
async def pool(database: DatabaseUrls) -> AsyncIterator["Pool"]:
    """One connection of the staff gateway, so that every transaction gets the same one."""
    async with asyncpg.create_pool(database.staff_gateway, min_size=1, max_size=1) as opened:
        yield opened


@pytest.fixture
async def admin(database: DatabaseUrls) -> StaffContext:
    """An administrator of a provisioned casino."""
    context = StaffContext(uuid.uuid4(), uuid.uuid4(), "admin", "correlation-1")
    await add_casino(database, str(context.casino_id))
    async with connected(database.superuser) as superuser:
        await superuser.execute(
            "INSERT INTO staff (casino_id, id, role) VALUES ($1, $2, 'admin')",
            context.casino_id,
            context.actor_id,
        )
    return context


@pytest.fixture
async def player(database: DatabaseUrls, admin: StaffContext) -> uuid.UUID:
    """A player who earned 2100 points on one slip."""
    slip = new_slip(admin.casino_id)
    async with connected(database.worker) as worker:
        await post(worker, slip)
    assert slip.player_id is not None
    return slip.player_id


async def credit(
    staff: StaffTransaction, admin: StaffContext, player: uuid.UUID, points: int = 10
) -> None:
    """Give points under a key of their own."""
    await staff.manual_credit(
        casino_id=admin.casino_id,
        player_id=player,
        points=points,
        staff_id=admin.actor_id,
        note="goodwill",
        idempotency_key=uuid.uuid4(),
    )


async def page(
    pool: "Pool", admin: StaffContext, query: StatementQuery, limit: int, cursor: str | None = None
) -> LedgerPage:
    """Read a page in a transaction of its own."""
    async with staff_transaction(pool, admin, SECONDS) as staff:
        return await staff.player_ledger(query, limit, cursor)


async def test_a_balance_is_read_and_a_stranger_has_none(
    pool: "Pool", admin: StaffContext, player: uuid.UUID
) -> None:
    async with staff_transaction(pool, admin, SECONDS) as staff:
        balance = await staff.player_balance(casino_id=admin.casino_id, player_id=player)
        stranger = await staff.player_balance(casino_id=admin.casino_id, player_id=uuid.uuid4())

    assert isinstance(balance, PlayerBalance)
    assert balance.current_balance == 2100
    assert balance.updated_at.tzinfo is not None
    assert stranger is None


async def test_the_pages_of_a_statement_hold_every_entry_once_while_others_are_added(
    pool: "Pool", admin: StaffContext, player: uuid.UUID
) -> None:
    async with staff_transaction(pool, admin, SECONDS) as staff:
        for _ in range(4):
            await credit(staff, admin, player)
    query = StatementQuery(casino_id=admin.casino_id, player_id=player)

    pages = [await page(pool, admin, query, 2)]
    while (cursor := pages[-1].next_cursor) is not None:
        async with staff_transaction(pool, admin, SECONDS) as staff:
            await credit(staff, admin, player)
        pages.append(await page(pool, admin, query, 2, cursor))

    assert [[entry.entry_no for entry in found.entries] for found in pages] == [[5, 4], [3, 2], [1]]
    (first,) = pages[-1].entries
    assert first.reason is LedgerReason.BASE_ACCRUAL
    assert first.metadata["calc"]["points"] == 2100
    assert first.metadata["calc"]["theo"] == Decimal("210.0000")


async def test_a_page_of_all_entries_has_no_cursor(
    pool: "Pool", admin: StaffContext, player: uuid.UUID
) -> None:
    query = StatementQuery(casino_id=admin.casino_id, player_id=player)
    assert (await page(pool, admin, query, 1)).next_cursor is None
    nobody = replace(query, player_id=uuid.uuid4())
    assert await page(pool, admin, nobody, 1) == LedgerPage((), None)


async def test_a_filtered_statement_pages_by_its_own_cursor_alone(
    pool: "Pool", admin: StaffContext, player: uuid.UUID
) -> None:
    async with staff_transaction(pool, admin, SECONDS) as staff:
        for _ in range(2):
            await credit(staff, admin, player)
    every = StatementQuery(casino_id=admin.casino_id, player_id=player)
    rewards = replace(every, reason=LedgerReason.MANUAL_REWARD)

    first = await page(pool, admin, rewards, 1)
    last = await page(pool, admin, rewards, 1, first.next_cursor)

    assert [entry.entry_no for entry in (*first.entries, *last.entries)] == [3, 2]
    assert last.next_cursor is None
    with pytest.raises(CursorError, match="another player, casino or filter"):
        await page(pool, admin, every, 1, first.next_cursor)


async def test_a_suggestion_says_what_a_closed_slip_earns(
    database: DatabaseUrls, pool: "Pool", admin: StaffContext, player: uuid.UUID
) -> None:
    async with connected(database.superuser) as superuser:
        slip = await superuser.fetchval("SELECT id FROM rating_slip WHERE player_id = $1", player)
    async with staff_transaction(pool, admin, SECONDS) as staff:
        suggestion = await staff.session_reward_suggestion(rating_slip_id=slip)

    assert suggestion.suggested_points == suggestion.max_recommended_points == 2100
    assert suggestion.suggested_theo == Decimal(210)
    assert suggestion.policy_version == "loyalty_points_v1"


async def test_a_refusal_is_an_exception_with_its_member_and_a_text_without_the_driver_s(
    pool: "Pool", admin: StaffContext, player: uuid.UUID
) -> None:
    with pytest.raises(LoyaltyRefusedError) as refused:
        async with staff_transaction(pool, admin, SECONDS) as staff:
            await credit(staff, admin, player, points=0)

    assert refused.value.refusal is Refusal.LOYALTY_POINTS_INVALID
    assert str(refused.value).startswith("LOYALTY_POINTS_INVALID: ")
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


async def test_a_refusal_that_is_caught_inside_still_ends_its_transaction(
    database: DatabaseUrls, pool: "Pool", admin: StaffContext, player: uuid.UUID
) -> None:
    async def credit_twice() -> None:
        async with staff_transaction(pool, admin, SECONDS) as staff:
            await credit(staff, admin, player)
            with pytest.raises(LoyaltyRefusedError):
                await credit(staff, admin, player, points=0)

    with pytest.raises(LoyaltyRefusedError, match="LOYALTY_POINTS_INVALID"):
        await credit_twice()
    assert await value_of(database, "SELECT count(*) FROM loyalty_ledger") == 1


@pytest.mark.parametrize("other", [{"role": "pit_boss"}, {"actor_id": uuid.uuid4()}])
async def test_a_person_who_is_not_active_there_in_that_role_gets_no_transaction(
    pool: "Pool", admin: StaffContext, other: dict[str, str | uuid.UUID]
) -> None:
    with pytest.raises(LoyaltyRefusedError) as refused:
        async with staff_transaction(pool, replace(admin, **other), SECONDS):  # type: ignore[arg-type] # one of two types each
            pytest.fail("the transaction was opened")
    assert refused.value.refusal is Refusal.LOYALTY_STAFF_UNKNOWN


async def test_a_context_does_not_outlive_its_transaction_on_a_pooled_connection(
    pool: "Pool", admin: StaffContext, player: uuid.UUID
) -> None:
    async with staff_transaction(pool, admin, SECONDS) as staff:
        await credit(staff, admin, player)
    async with pool.acquire() as connection, connection.transaction():
        without_context = StaffTransaction(connection)
        with pytest.raises(LoyaltyRefusedError) as refused:
            await without_context.player_balance(casino_id=admin.casino_id, player_id=player)
    assert refused.value.refusal is Refusal.LOYALTY_UNAUTHORIZED


async def test_a_service_accrues_promotes_and_checks_for_drift(
    database: DatabaseUrls, admin: StaffContext, player: uuid.UUID
) -> None:
    async with connected(database.superuser) as superuser:
        slip = await superuser.fetchval("SELECT id FROM rating_slip WHERE player_id = $1", player)
    async with (
        asyncpg.create_pool(database.worker, min_size=1, max_size=1) as pool,
        service_transaction(pool, [admin.casino_id], "test", SECONDS) as service,
    ):
        accrual = await service.accrue_on_close(
            rating_slip_id=slip, casino_id=admin.casino_id, idempotency_key=uuid.uuid4()
        )
        promotion = await service.apply_promotion(
            casino_id=admin.casino_id,
            rating_slip_id=slip,
            campaign_id="spring",
            idempotency_key=uuid.uuid4(),
            promo_multiplier=Decimal("1.5"),
        )
        sound = await service.check_loyalty_balance_drift(admin.casino_id)

    assert sound == []
    assert (accrual.points_delta, accrual.theo, accrual.is_existing) == (2100, Decimal(210), True)
    assert (promotion.promo_points_delta, promotion.balance_after) == (1050, 3150)


async def test_drift_is_found_and_put_right_by_an_administrator_under_the_correlation_id(
    database: DatabaseUrls, pool: "Pool", admin: StaffContext, player: uuid.UUID
) -> None:
    async with connected(database.superuser) as superuser:
        await superuser.execute("UPDATE player_loyalty SET current_balance = 2000")
    async with (
        asyncpg.create_pool(database.worker, min_size=1, max_size=1) as workers,
        service_transaction(workers, [admin.casino_id], "test", SECONDS) as service,
    ):
        (finding,) = await service.check_loyalty_balance_drift(admin.casino_id)
    async with staff_transaction(pool, admin, SECONDS) as staff:
        mended = await staff.reconcile_loyalty_balance(player_id=player, casino_id=admin.casino_id)

    assert (finding.player_id, finding.kind, finding.drift) == (player, "balance", -100)
    assert (mended.old_balance, mended.new_balance, mended.drift_detected) == (2000, 2100, True)
    audited = "SELECT count(*) FROM audit_log WHERE correlation_id = 'correlation-1'"
    assert await value_of(database, audited) == 1


async def test_what_is_no_refusal_is_a_fault_without_the_driver_s_text(
    database: DatabaseUrls,
) -> None:
    async with connected(database.worker) as connection:
        functions = LedgerFunctions(connection)
        for statement, reason in (
            ("SELECT canary FROM loyalty_ledger", "database_schema"),
            ("DO $$ BEGIN RAISE 'canary' USING ERRCODE = 'LY999'; END $$", "refused"),
        ):
            with pytest.raises(Fault) as fault:
                await functions._rows(statement)
            assert fault.value.reason == reason
            assert "canary" not in str(fault.value)
