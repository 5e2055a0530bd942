-- Compares cached balances with entries, of one casino or of all, in the order of (casino, player),
-- from after the pair given, or from the start where it is null; at most so many players and
-- entries, null for no limit, but one player at least. One row per casino looked at, in order: how
-- many players with a cache or an entry, how many entries, the last of the players, and those with
-- whom something is wrong; drift_kinds says what. In the snapshot of the calling statement.
-- Policies hide what the caller may not see: callers ask require_drift_scope first. Of the scope,
-- only the casino looked at is left until the end: a policy reads all of it for every row.
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
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_scope CONSTANT uuid[] := nullif(current_setting('app.casino_ids', true), '')::uuid[];
    v_in_scope boolean;
    v_after uuid;
    v_players bigint := p_max_players;
    v_entries bigint := p_max_entries;
    v_found record;
    v_returned boolean := false;
BEGIN
    -- one casino at a time: only then do index scans begin at the player, and not at the casino
    FOR casino_id, v_in_scope IN
        SELECT c.id, c.id = ANY (v_scope) FROM casino AS c
        WHERE (p_casino_id IS NULL OR c.id = p_casino_id)
            AND (p_after_casino_id IS NULL OR c.id >= p_after_casino_id)
        ORDER BY c.id
    LOOP
        IF v_in_scope THEN
            PERFORM set_config('app.casino_ids', ARRAY[casino_id]::text, true);
        END IF;
        v_after := CASE WHEN casino_id = p_after_casino_id THEN p_after_player_id END;
        SELECT * INTO v_found FROM sound_players(casino_id, v_after, v_players, v_entries);
        IF NOT v_found.is_sound THEN
            SELECT * INTO v_found FROM suspect_players(casino_id, v_after, v_players, v_entries);
        END IF;
        players := v_found.players;
        entries := v_found.entries;
        last_player_id := v_found.last_player_id;
        suspects := v_found.suspects;
        IF players > 0 THEN
            v_returned := true;
            RETURN NEXT;
        ELSIF v_found.is_cut AND NOT v_returned THEN
            -- the first player alone has more entries
            RETURN QUERY
            SELECT * FROM compare_balances(
                p_after_casino_id, p_after_player_id, p_casino_id, 1, NULL
            );
        END IF;
        v_players := v_players - players;
        v_entries := v_entries - entries;
        EXIT WHEN v_found.is_cut OR v_players = 0;
    END LOOP;
    PERFORM set_config('app.casino_ids', coalesce(v_scope::text, ''), true);
END
$$;

REVOKE ALL ON FUNCTION compare_balances(uuid, uuid, uuid, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION compare_balances(uuid, uuid, uuid, bigint, bigint)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
