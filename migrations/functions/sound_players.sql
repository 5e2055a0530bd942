-- Whether the next players of a casino are sound, all of them, told by one hash over all that their
-- entries and caches say: at a fraction of what it costs to look at each. Where it says no,
-- suspect_players says who, within the same limits. is_cut: the casino has more players.
--
-- A player is sound where each entry begins with the number and balance that the one before left,
-- the first with (0, 0), and the cache is what the newest left: where, of the pairs (number,
-- balance), those that entries leave and (0, 0) are those that entries begin with and the cache.
-- The hashes of all pairs, of 64 bits and seeded by the player, are folded into one of each side.
CREATE OR REPLACE FUNCTION sound_players(
    p_casino_id uuid,
    p_after_player_id uuid,
    p_max_players bigint,
    p_max_entries bigint,
    OUT is_sound boolean,
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
    v_count numeric;
    v_caches bigint;
    v_chains bigint;
BEGIN
    -- those whose cached counts are within the limit; counts that are wrong are found out below
    SELECT array_agg(c.player_id ORDER BY c.player_id) FILTER (WHERE c.taken),
        coalesce(sum(c.entry_count) FILTER (WHERE c.taken), 0),
        coalesce(bit_xor(
            hashint8extended(0, c.seed) # hashint8extended(c.entry_count, c.current_balance # c.seed)
        ) FILTER (WHERE c.taken), 0),
        coalesce(count(*) = p_max_players, false) OR coalesce(bool_or(NOT c.taken), false)
    INTO v_players, v_count, v_caches, is_cut
    FROM (
        SELECT n.*, uuid_hash_extended(n.player_id, 0) AS seed,
            -- as integers: running sums of bigints are numerics, which cost more than all the rest
            p_max_entries IS NULL OR p_max_entries >= sum(
                least(greatest(n.entry_count, 0), 2147483647)::integer
            ) OVER (ORDER BY n.player_id ROWS UNBOUNDED PRECEDING) AS taken
        FROM (
            SELECT b.player_id, b.current_balance, b.entry_count
            FROM player_loyalty AS b
            WHERE b.casino_id = p_casino_id
                AND (p_after_player_id IS NULL OR b.player_id > p_after_player_id)
            ORDER BY b.player_id
            LIMIT p_max_players
        ) AS n
    ) AS c;
    players := coalesce(cardinality(v_players), 0);
    last_player_id := v_players[players];
    suspects := '{}';
    IF is_cut AND players = 0 OR v_count NOT BETWEEN 0 AND 1e15 THEN
        is_sound := false;
        RETURN;
    END IF;

    SELECT count(*), coalesce(bit_xor(
        hashint8extended(e.entry_no, e.balance_after # e.seed)
        # hashint8extended(e.entry_no - 1, (e.balance_after - e.points_delta) # e.seed)
    ), 0) INTO entries, v_chains
    FROM (
        SELECT l.entry_no, l.points_delta, l.balance_after,
            uuid_hash_extended(l.player_id, 0) AS seed
        FROM loyalty_ledger AS l
        WHERE l.casino_id = p_casino_id
            AND (p_after_player_id IS NULL OR l.player_id > p_after_player_id)
            AND (NOT is_cut OR l.player_id <= last_player_id)
        LIMIT v_count + 1
    ) AS e;
    is_sound := entries = v_count AND v_caches = v_chains;
END
$$;

REVOKE ALL ON FUNCTION sound_players(uuid, uuid, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sound_players(uuid, uuid, bigint, bigint)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
