-- Compares cached balances with entries, of one casino or of all, in the order of (casino, player),
-- from after the pair given, or from the start where it is null; at most so many players and
-- entries, null for no limit, but one player at least. One row per casino looked at, in order: how
-- many players with a cache or an entry, how many entries, the last of the players, and those with
-- whom something is wrong; drift_kinds says what. In the snapshot of the calling statement.
-- Policies hide what the caller may not see: callers ask require_drift_scope first.
--
-- A player is sound where each entry begins with the number and balance that the one before left,
-- the first with (0, 0), and the cache is what the newest left: where, of the pairs (number,
-- balance), those that entries leave and (0, 0) are those that entries begin with and the cache. Of
-- each pair a hash of 64 bits is folded in: at a third of what a window over the entries costs.
CREATE OR REPLACE FUNCTION compare_balances(
    p_after_casino_id uuid,
    p_after_player_id uuid,
    p_casino_id uuid,
    p_max_players bigint,
    p_max_entries bigint
) RETURNS TABLE (
    casino_id uuid,
    players bigint,
    entries bigint,
    last_player_id uuid,
    suspects uuid[]
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    v_after uuid;
    v_players bigint := p_max_players;
    v_entries bigint := p_max_entries;
    v_taken uuid[];
    v_cut boolean;
BEGIN
    -- one casino at a time: only then do index scans begin at the player, and not at the casino
    FOR casino_id IN
        SELECT c.id FROM casino AS c
        WHERE (p_casino_id IS NULL OR c.id = p_casino_id)
            AND (p_after_casino_id IS NULL OR c.id >= p_after_casino_id)
        ORDER BY c.id
    LOOP
        v_after := CASE WHEN casino_id = p_after_casino_id THEN p_after_player_id END;
        SELECT array_agg(d.player_id ORDER BY d.player_id) FILTER (WHERE d.taken),
            coalesce(sum(d.entries) FILTER (WHERE d.taken), 0),
            coalesce(array_agg(d.player_id) FILTER (WHERE d.taken AND NOT d.sound), '{}'),
            coalesce(bool_or(NOT d.taken), false)
        INTO v_taken, entries, suspects, v_cut
        FROM (
            SELECT m.player_id, m.entries, m.sound,
                v_entries IS NULL OR v_entries >= sum(m.entries) OVER (
                    ORDER BY m.player_id ROWS UNBOUNDED PRECEDING
                ) AS taken
            FROM (
                SELECT coalesce(c.player_id, l.player_id) AS player_id,
                    coalesce(l.entries, 0) AS entries,
                    CASE
                        WHEN c.player_id IS NULL THEN false
                        WHEN l.player_id IS NULL THEN c.current_balance = 0 AND c.entry_count = 0
                        ELSE c.entry_count = l.entries
                            AND hashint8extended(c.entry_count, c.current_balance)
                            = hashint8extended(0, 0) # l.chain
                    END AS sound
                FROM (
                    SELECT b.player_id, b.current_balance, b.entry_count
                    FROM player_loyalty AS b
                    WHERE b.casino_id = compare_balances.casino_id
                        AND (v_after IS NULL OR b.player_id > v_after)
                    ORDER BY b.player_id
                    LIMIT v_players
                ) AS c
                FULL JOIN (
                    SELECT e.player_id,
                        count(*) AS entries,
                        bit_xor(
                            hashint8extended(e.entry_no, e.balance_after)
                            # hashint8extended(e.entry_no - 1, e.balance_after - e.points_delta)
                        ) AS chain
                    FROM (
                        SELECT x.player_id, x.entry_no, x.points_delta, x.balance_after
                        FROM loyalty_ledger AS x
                        WHERE x.casino_id = compare_balances.casino_id
                            AND (v_after IS NULL OR x.player_id > v_after)
                        ORDER BY x.player_id, x.entry_no
                        -- one more: a player who was cut off by this is beyond the limit
                        LIMIT v_entries + 1
                    ) AS e
                    GROUP BY e.player_id
                    ORDER BY e.player_id
                    LIMIT v_players
                ) AS l ON l.player_id = c.player_id
                ORDER BY 1
                LIMIT v_players
            ) AS m
        ) AS d;
        players := coalesce(cardinality(v_taken), 0);
        last_player_id := v_taken[players];
        IF players > 0 THEN
            RETURN NEXT;
        ELSIF v_cut AND v_entries = p_max_entries AND v_players IS NOT DISTINCT FROM p_max_players
        THEN
            -- the next player alone has more entries
            RETURN QUERY
            SELECT * FROM compare_balances(
                p_after_casino_id, p_after_player_id, p_casino_id, 1, NULL
            );
        END IF;
        v_players := v_players - players;
        v_entries := v_entries - entries;
        EXIT WHEN v_cut OR v_players = 0;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION compare_balances(uuid, uuid, uuid, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION compare_balances(uuid, uuid, uuid, bigint, bigint)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
