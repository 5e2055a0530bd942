-- Of the next players of a casino, those with whom something is wrong: how many players with a cache
-- or an entry there are within the limits, how many entries, the last player, the suspects, and
-- whether the next player was cut off by the number of entries. By the same hash as sound_players,
-- but of each player alone.
CREATE OR REPLACE FUNCTION suspect_players(
    p_casino_id uuid,
    p_after_player_id uuid,
    p_max_players bigint,
    p_max_entries bigint,
    OUT players bigint,
    OUT entries bigint,
    OUT last_player_id uuid,
    OUT suspects uuid[],
    OUT is_cut boolean
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    v_players uuid[];
BEGIN
    SELECT array_agg(d.player_id ORDER BY d.player_id) FILTER (WHERE d.taken),
        coalesce(sum(d.entries) FILTER (WHERE d.taken), 0),
        coalesce(array_agg(d.player_id) FILTER (WHERE d.taken AND NOT d.sound), '{}'),
        coalesce(bool_or(NOT d.taken), false)
    INTO v_players, entries, suspects, is_cut
    FROM (
        SELECT m.player_id, m.entries, m.sound,
            p_max_entries IS NULL OR p_max_entries >= sum(m.entries) OVER (
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
                WHERE b.casino_id = p_casino_id
                    AND (p_after_player_id IS NULL OR b.player_id > p_after_player_id)
                ORDER BY b.player_id
                LIMIT p_max_players
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
                    WHERE x.casino_id = p_casino_id
                        AND (p_after_player_id IS NULL OR x.player_id > p_after_player_id)
                    ORDER BY x.player_id, x.entry_no
                    -- one more: a player who is cut off by this is beyond the limit
                    LIMIT p_max_entries + 1
                ) AS e
                GROUP BY e.player_id
                ORDER BY e.player_id
                LIMIT p_max_players
            ) AS l ON l.player_id = c.player_id
            ORDER BY 1
            LIMIT p_max_players
        ) AS m
    ) AS d;
    players := coalesce(cardinality(v_players), 0);
    last_player_id := v_players[players];
END
$$;

REVOKE ALL ON FUNCTION suspect_players(uuid, uuid, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION suspect_players(uuid, uuid, bigint, bigint)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
