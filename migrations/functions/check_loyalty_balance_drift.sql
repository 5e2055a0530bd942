-- Compares cached balances with entries, largest drift first; one row per player and kind:
--   balance                 cached balance and sum of the entries differ by more than the threshold
--   entry_count             cached count and number of entries differ
--   entries_missing         entry numbers do not run 1..n
--   chain_broken            a balance_after is not the one before plus its points
--   cache_missing           entries without a cached balance
--   cache_without_entries   a cached balance or count other than 0 without entries
-- The threshold applies to kind balance alone. drift is current_balance - computed_balance, an
-- absent cache counted as 0, no further from 0 than 9e18. One statement, so that each player is judged in one snapshot. Refuses
-- where the caller does not see all that was asked for: it never calls clean what it cannot see.
CREATE OR REPLACE FUNCTION check_loyalty_balance_drift(
    p_casino_id uuid DEFAULT NULL, p_drift_threshold bigint DEFAULT 0
) RETURNS TABLE (
    casino_id uuid,
    player_id uuid,
    current_balance bigint,
    computed_balance bigint,
    drift bigint,
    ledger_entry_count bigint,
    last_ledger_update timestamptz,
    kind text
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_drift_scope(p_casino_id);
    RETURN QUERY
    WITH entry AS (
        SELECT l.casino_id, l.player_id, l.entry_no, l.points_delta, l.balance_after,
            l.created_at,
            lag(l.entry_no) OVER chain AS previous_no,
            lag(l.balance_after) OVER chain AS previous_balance
        FROM loyalty_ledger AS l
        WHERE p_casino_id IS NULL OR l.casino_id = p_casino_id
        WINDOW chain AS (PARTITION BY l.casino_id, l.player_id ORDER BY l.entry_no)
    ), ledger AS (
        SELECT e.casino_id, e.player_id,
            sum(e.points_delta)::bigint AS balance,
            count(*) AS entries,
            max(e.entry_no) AS newest_no,
            max(e.created_at) AS last_update,
            -- across a hole nothing can be said about the chain
            bool_or(
                e.entry_no = coalesce(e.previous_no, 0) + 1
                AND e.balance_after <> coalesce(e.previous_balance, 0) + e.points_delta
            ) AS chain_broken
        FROM entry AS e
        GROUP BY e.casino_id, e.player_id
    ), compared AS (
        SELECT coalesce(c.casino_id, l.casino_id) AS casino_id,
            coalesce(c.player_id, l.player_id) AS player_id,
            c.player_id IS NOT NULL AS cached,
            c.current_balance, c.entry_count,
            coalesce(l.balance, 0) AS balance,
            least(greatest(
                coalesce(c.current_balance, 0)::numeric - coalesce(l.balance, 0), -9e18
            ), 9e18)::bigint AS drift,
            coalesce(l.entries, 0) AS entries,
            l.newest_no, l.last_update, l.chain_broken
        FROM (
            SELECT b.* FROM player_loyalty AS b
            WHERE p_casino_id IS NULL OR b.casino_id = p_casino_id
        ) AS c
        FULL JOIN ledger AS l ON l.casino_id = c.casino_id AND l.player_id = c.player_id
    )
    SELECT d.casino_id, d.player_id, d.current_balance, d.balance,
        d.drift, d.entries, d.last_update, k.kind
    FROM compared AS d
    CROSS JOIN LATERAL (
        VALUES
        ('balance', d.cached AND d.entries > 0
            AND abs(d.drift) > p_drift_threshold),
        ('entry_count', d.cached AND d.entries > 0 AND d.entry_count <> d.entries),
        ('entries_missing', d.newest_no <> d.entries),
        ('chain_broken', d.chain_broken),
        ('cache_missing', NOT d.cached),
        ('cache_without_entries', d.cached AND d.entries = 0
            AND (d.current_balance <> 0 OR d.entry_count <> 0))
    ) AS k (kind, found)
    WHERE k.found
    ORDER BY abs(d.drift) DESC, d.casino_id, d.player_id, k.kind;
END
$$;

REVOKE ALL ON FUNCTION check_loyalty_balance_drift(uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION check_loyalty_balance_drift(uuid, bigint)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
