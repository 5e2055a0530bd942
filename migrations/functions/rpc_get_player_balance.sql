-- A player's cached balance at a casino; no row for a player without entries.
CREATE OR REPLACE FUNCTION rpc_get_player_balance(p_casino_id uuid, p_player_id uuid)
RETURNS TABLE (
    current_balance bigint,
    tier text,
    updated_at timestamptz
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], roles_allowed('read'));
    RETURN QUERY
    SELECT b.current_balance, b.tier, b.updated_at
    FROM player_loyalty AS b
    WHERE b.casino_id = p_casino_id AND b.player_id = p_player_id
        AND (SELECT n.entry_no FROM newest_entry(p_casino_id, p_player_id) AS n) > 0;
END
$$;

REVOKE ALL ON FUNCTION rpc_get_player_balance(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpc_get_player_balance(uuid, uuid) TO loyalty_staff, loyalty_postgrest;
