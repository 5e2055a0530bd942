"""A player's cached balance."""

import uuid

from sqlstaff import Desk, player_with

_BALANCE = "SELECT * FROM rpc_get_player_balance($1, $2)"


async def test_it_is_the_cached_balance_with_tier_and_time(desk: Desk) -> None:
    player = await player_with(desk, 500)
    promoted = "UPDATE player_loyalty SET tier = 'gold' WHERE player_id = $1"
    await desk.superuser.execute(promoted, player)
    await desk.redeem("cashier", player, 20)

    row = await desk.row("cashier", _BALANCE, desk.casino, player)
    assert (row["current_balance"], row["tier"]) == (480, "gold")
    assert row["updated_at"] == await desk.superuser.fetchval(
        "SELECT created_at FROM loyalty_ledger WHERE player_id = $1 AND entry_no = 2", player
    )


async def test_a_player_without_entries_has_no_row(desk: Desk) -> None:
    assert await desk.rows("cashier", _BALANCE, desk.casino, uuid.uuid4()) == []
    unused = uuid.uuid4()
    await desk.superuser.execute("INSERT INTO player (id) VALUES ($1)", unused)
    await desk.superuser.execute(
        "INSERT INTO player_loyalty (casino_id, player_id) VALUES ($1, $2)", desk.casino, unused
    )
    assert await desk.rows("cashier", _BALANCE, desk.casino, unused) == []
    assert await desk.rows("cashier", _BALANCE, desk.casino, None) == []
