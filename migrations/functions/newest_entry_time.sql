-- When the newest of a player's entries was written, null where there is none. The newest by time:
-- in a damaged ledger the numbers may tell another story.
CREATE OR REPLACE FUNCTION newest_entry_time(p_casino_id uuid, p_player_id uuid)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
    RETURN (
        SELECT max(l.created_at)
        FROM loyalty_ledger AS l
        WHERE l.casino_id = p_casino_id AND l.player_id = p_player_id
    );
END
$$;

REVOKE ALL ON FUNCTION newest_entry_time(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION newest_entry_time(uuid, uuid)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
