-- What is wrong between the cached balances and the entries of players of a casino; no row for
-- those with whom nothing is:
--   balance                 cached balance and sum of the entries differ
--   entry_count             cached count and number of entries differ
--   entries_missing         entry numbers do not run 1..n
--   chain_broken            a balance_after is not the one before plus its points; across a hole
--                           in the numbers nothing can be said
--   cache_missing           entries without a cached balance
--   cache_without_entries   a cached balance or count other than 0 without entries
-- drift is current_balance - computed_balance, an absent cache counted as 0, no further from 0 than
-- 9e18. In the snapshot of the calling statement.
CREATE OR REPLACE FUNCTION drift_kinds(p_casino_id uuid, p_player_ids uuid[])
RETURNS TABLE (
    player_id uuid,
    kind text,
    current_balance bigint,
    computed_balance bigint,
    drift bigint,
    ledger_entry_count bigint,
    last_ledger_update timestamptz
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_material = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    -- LATERAL: one probe a player
    RETURN QUERY
    SELECT p.player_id, k.kind, c.current_balance, e.balance,
        least(greatest(coalesce(c.current_balance, 0)::numeric - e.balance, -9e18), 9e18)::bigint,
        e.number, e.last_update
    FROM unnest(p_player_ids) AS p (player_id)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(n.points_delta), 0)::bigint AS balance,
            count(*) AS number,
            max(n.entry_no) AS newest_no,
            max(n.created_at) AS last_update,
            bool_or(
                n.entry_no = n.previous_no + 1
                AND n.balance_after <> n.previous_balance + n.points_delta
            ) AS chain_broken
        FROM (
            SELECT l.entry_no, l.points_delta, l.balance_after, l.created_at,
                lag(l.entry_no, 1, 0::bigint) OVER chain AS previous_no,
                lag(l.balance_after, 1, 0::bigint) OVER chain AS previous_balance
            FROM loyalty_ledger AS l
            WHERE l.casino_id = p_casino_id AND l.player_id = p.player_id
            WINDOW chain AS (ORDER BY l.entry_no)
        ) AS n
    ) AS e
    LEFT JOIN player_loyalty AS c ON c.casino_id = p_casino_id AND c.player_id = p.player_id
    CROSS JOIN LATERAL (
        VALUES
        ('balance', e.number > 0 AND c.current_balance <> e.balance),
        ('entry_count', e.number > 0 AND c.entry_count <> e.number),
        ('entries_missing', e.newest_no <> e.number),
        ('chain_broken', e.chain_broken),
        ('cache_missing', e.number > 0 AND c.player_id IS NULL),
        ('cache_without_entries', e.number = 0
            AND (c.current_balance <> 0 OR c.entry_count <> 0))
    ) AS k (kind, found)
    WHERE k.found;
END
$$;

REVOKE ALL ON FUNCTION drift_kinds(uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drift_kinds(uuid, uuid[])
TO loyalty_worker, loyalty_operator, loyalty_readonly;
