"""Redemptions and everything else at the same moment, from several connections."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from sqlslips import post
from sqlstaff import Desk, accrued_slip, balance_of, player_with, slip_worth, whole
from sqltools import connected


@asynccontextmanager
async def _desks(desk: Desk, number: int) -> AsyncIterator[list[Desk]]:
    """Give as many connections of the gateway, and of the worker, to one casino."""
    async with AsyncExitStack() as stack:
        desks = []
        for _ in range(number):
            gateway = await stack.enter_async_context(connected(desk.database.staff_gateway))
            service = await stack.enter_async_context(connected(desk.database.worker))
            desks.append(replace(desk, gateway=gateway, service=service))
        yield desks


async def _names(*requests: object) -> Counter[str]:
    """Return how the requests ended: posted, existing or the name of the refusal."""
    results = await asyncio.gather(*requests, return_exceptions=True)  # type: ignore[call-overload] # the stubs count at most six
    return Counter(_name(result) for result in results)


def _name(result: object) -> str:
    if isinstance(result, asyncpg.Record):
        return "existing" if result["is_existing"] else "posted"
    if isinstance(result, asyncpg.PostgresError) and (result.sqlstate or "").startswith("LY"):
        return str(result).split(":", maxsplit=1)[0].removeprefix("LOYALTY_")
    return repr(result)


@pytest.mark.parametrize("cached", [1050, 0, 10**9])
async def test_of_16_redemptions_at_once_exactly_those_that_fit_succeed(
    desk: Desk, cached: int
) -> None:
    player = await player_with(desk, 1050)
    tamper = "UPDATE player_loyalty SET current_balance = $2 WHERE player_id = $1"
    await desk.superuser.execute(tamper, player, cached)
    async with _desks(desk, 16) as desks:
        ends = await _names(*(each.redeem("cashier", player, 100) for each in desks))

    assert ends == {"posted": 10, "INSUFFICIENT_BALANCE": 6}
    assert await balance_of(desk, player) == (cached - 1000, 11)
    newest = "SELECT balance_after FROM loyalty_ledger WHERE player_id = $1 AND entry_no = 11"
    assert await desk.superuser.fetchval(newest, player) == 50


async def test_of_16_overdraws_at_once_exactly_those_within_the_cap_succeed(desk: Desk) -> None:
    player = await player_with(desk, 500)
    async with _desks(desk, 16) as desks:
        ends = await _names(*(each.redeem("admin", player, 1000, overdraw=True) for each in desks))
    assert ends == {"posted": 5, "OVERDRAW_EXCEEDS_CAP": 11}
    assert await balance_of(desk, player) == (-4500, 6)


async def test_the_same_request_from_16_connections_at_once_is_posted_once(desk: Desk) -> None:
    player, key = await player_with(desk, 1050), uuid.uuid4()
    slip = await accrued_slip(desk, 10)
    credit = (await desk.credit("admin", player, 5))["ledger_id"]
    async with _desks(desk, 16) as desks:
        redeemed = await _names(*(each.redeem("admin", player, 9, key=key) for each in desks))
        reversed_once = await _names(*(each.reverse("admin", credit) for each in desks))
        promoted = await _names(
            *(each.promote("admin", slip.rating_slip_id, bonus=5) for each in desks)
        )
    assert redeemed == reversed_once == promoted == {"posted": 1, "existing": 15}
    assert await whole(desk)


async def test_one_key_on_16_players_at_once_is_one_entry_and_15_conflicts(desk: Desk) -> None:
    """No lock is common to them: the unique index decides, and its error reaches nobody."""
    players = [await player_with(desk, 10) for _ in range(16)]
    for _ in range(5):
        key = uuid.uuid4()
        async with _desks(desk, 16) as desks:
            ends = await _names(
                *(
                    each.credit("admin", player, 1, key=key)
                    for each, player in zip(desks, players, strict=True)
                )
            )
        assert ends == {"posted": 1, "IDEMPOTENCY_CONFLICT": 15}
    assert await whole(desk)


async def test_mixed_work_on_the_same_players_from_four_connections_does_not_deadlock(
    desk: Desk,
) -> None:
    players = [await player_with(desk, 100) for _ in range(6)]

    async def work(each: Desk, seed: int) -> Counter[str]:
        rng = random.Random(seed)
        ends: Counter[str] = Counter()
        for _ in range(25):
            kind = rng.randrange(4)
            if kind == 0:
                slips = [slip_worth(desk.casino, 3, rng.choice(players)) for _ in range(12)]
                ends += Counter(verdict.verdict for verdict in await post(each.service, *slips))
            elif kind == 1:
                ends += await _names(each.redeem("cashier", rng.choice(players), 5))
            elif kind == 2:
                ends += await _names(each.adjust("admin", rng.choice(players), 2))
            else:
                ends += await _names(each.credit("pit_boss", rng.choice(players), 1))
        return ends

    async with _desks(desk, 4) as desks:
        ends = await asyncio.gather(*(work(each, seed) for seed, each in enumerate(desks)))
    together = sum(ends, Counter[str]())
    assert set(together) <= {"accrued", "posted", "INSUFFICIENT_BALANCE"}, together
    assert await whole(desk)
    count = "SELECT count(*) FROM loyalty_ledger WHERE casino_id = $1"
    posted = together["accrued"] + together["posted"]
    assert await desk.superuser.fetchval(count, desk.casino) == posted + len(players)
