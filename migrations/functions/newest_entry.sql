-- Number and balance of a player's newest entry, zeros where there is none: what posting and the
-- check of funds start from, not the cached balance.
CREATE OR REPLACE FUNCTION newest_entry(
    p_casino_id uuid, p_player_id uuid, OUT entry_no bigint, OUT balance_after bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_sort = off
AS $$
BEGIN
    SELECT l.entry_no, l.balance_after INTO entry_no, balance_after
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_casino_id AND l.player_id = p_player_id
    ORDER BY l.entry_no DESC
    LIMIT 1;
    entry_no := coalesce(entry_no, 0);
    balance_after := coalesce(balance_after, 0);
END
$$;

REVOKE ALL ON FUNCTION newest_entry(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION newest_entry(uuid, uuid)
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator;
