-- Compares cached balances with entries, of one casino or of all: one row per player with either,
-- in the order of (casino, player), from after the pair given, or from the start where it is null.
-- At most so many players and entries, null for no limit, but one player at least. drift is
-- current_balance - computed_balance, an absent cache counted as 0, no further from 0 than 9e18.
-- chain_broken: a balance_after is not the one before plus its points; across a hole in the entry
-- numbers nothing can be said. A player without entries and with a cache of zeros is sound. In the
-- snapshot of the calling statement. Policies hide what the caller may not see: callers ask
-- require_drift_scope first.
CREATE OR REPLACE FUNCTION compare_balances(
    p_after_casino_id uuid,
    p_after_player_id uuid,
    p_casino_id uuid,
    p_max_players bigint,
    p_max_entries bigint
) RETURNS TABLE (
    casino_id uuid,
    player_id uuid,
    cached boolean,
    current_balance bigint,
    entry_count bigint,
    computed_balance bigint,
    drift bigint,
    entries bigint,
    newest_no bigint,
    chain_broken boolean,
    sound boolean
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    RETURN QUERY
    WITH ledger AS (
        SELECT e.casino_id, e.player_id,
            sum(e.points_delta)::bigint AS balance,
            count(*) AS entries,
            max(e.entry_no) AS newest_no,
            bool_or(
                e.entry_no = coalesce(e.previous_no, 0) + 1
                AND e.balance_after <> coalesce(e.previous_balance, 0) + e.points_delta
            ) AS chain_broken
        FROM (
            SELECT l.*,
                lag(l.entry_no) OVER chain AS previous_no,
                lag(l.balance_after) OVER chain AS previous_balance
            FROM (
                SELECT x.casino_id, x.player_id, x.entry_no, x.points_delta, x.balance_after
                FROM loyalty_ledger AS x
                WHERE (p_casino_id IS NULL OR x.casino_id = p_casino_id)
                    AND (
                        p_after_casino_id IS NULL
                        OR (x.casino_id, x.player_id) > (p_after_casino_id, p_after_player_id)
                    )
                ORDER BY x.casino_id, x.player_id, x.entry_no
                -- one more, so that a player whose entries are cut off makes the sum exceed
                LIMIT p_max_entries + 1
            ) AS l
            WINDOW chain AS (PARTITION BY l.casino_id, l.player_id ORDER BY l.entry_no)
        ) AS e
        GROUP BY e.casino_id, e.player_id
        ORDER BY e.casino_id, e.player_id
        LIMIT p_max_players
    ), cache AS (
        SELECT b.casino_id, b.player_id, b.current_balance, b.entry_count
        FROM player_loyalty AS b
        WHERE (p_casino_id IS NULL OR b.casino_id = p_casino_id)
            AND (
                p_after_casino_id IS NULL
                OR (b.casino_id, b.player_id) > (p_after_casino_id, p_after_player_id)
            )
        ORDER BY b.casino_id, b.player_id
        LIMIT p_max_players
    ), compared AS (
        SELECT coalesce(c.casino_id, l.casino_id) AS casino_id,
            coalesce(c.player_id, l.player_id) AS player_id,
            c.player_id IS NOT NULL AS cached,
            c.current_balance, c.entry_count,
            coalesce(l.balance, 0) AS balance,
            coalesce(l.entries, 0) AS entries,
            coalesce(l.newest_no, 0) AS newest_no,
            coalesce(l.chain_broken, false) AS chain_broken
        FROM cache AS c
        FULL JOIN ledger AS l ON l.casino_id = c.casino_id AND l.player_id = c.player_id
        ORDER BY 1, 2
        LIMIT p_max_players
    )
    SELECT d.casino_id, d.player_id, d.cached, d.current_balance, d.entry_count, d.balance,
        least(greatest(coalesce(d.current_balance, 0)::numeric - d.balance, -9e18), 9e18)::bigint,
        d.entries, d.newest_no, d.chain_broken,
        d.cached AND d.current_balance = d.balance AND d.entry_count = d.entries
        AND d.newest_no = d.entries AND NOT d.chain_broken
    FROM (
        SELECT c.*, sum(c.entries) OVER (ORDER BY c.casino_id, c.player_id) AS running
        FROM compared AS c
    ) AS d
    WHERE p_max_entries IS NULL OR d.running <= p_max_entries;

    -- the next player alone has more entries, or there is none
    IF NOT FOUND AND p_max_entries IS NOT NULL THEN
        RETURN QUERY
        SELECT * FROM compare_balances(
            p_after_casino_id, p_after_player_id, p_casino_id, 1, NULL
        );
    END IF;
END
$$;

REVOKE ALL ON FUNCTION compare_balances(uuid, uuid, uuid, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION compare_balances(uuid, uuid, uuid, bigint, bigint)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
