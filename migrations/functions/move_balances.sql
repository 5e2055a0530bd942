-- Moves cached balances by entries that were just written. p_created are the balance rows that
-- were created to be locked; those without an entry go again.
CREATE OR REPLACE FUNCTION move_balances(p_entries loyalty_ledger[], p_created player_loyalty[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_unused record;
BEGIN
    -- by the delta, not to the sum: a cache that was wrong stays visibly wrong. One beyond all bounds
    -- stays that without overflowing: it must not stop the postings.
    INSERT INTO player_loyalty AS b (casino_id, player_id, current_balance, entry_count)
    SELECT e.casino_id, e.player_id, sum(e.points_delta), count(*)
    FROM unnest(p_entries) AS e
    GROUP BY e.casino_id, e.player_id
    ON CONFLICT (casino_id, player_id) DO UPDATE
    SET current_balance = least(
            greatest(b.current_balance::numeric + excluded.current_balance, -9e18), 9e18
        ),
        entry_count = least(b.entry_count::numeric + excluded.entry_count, 9e18),
        updated_at = now();

    FOR v_unused IN
        SELECT c.casino_id, c.player_id FROM unnest(p_created) AS c
        EXCEPT
        SELECT e.casino_id, e.player_id FROM unnest(p_entries) AS e
    LOOP
        DELETE FROM player_loyalty AS b
        WHERE b.casino_id = v_unused.casino_id AND b.player_id = v_unused.player_id;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION move_balances(loyalty_ledger[], player_loyalty[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION move_balances(loyalty_ledger[], player_loyalty[])
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
