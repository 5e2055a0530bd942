-- The reversal of an entry; nulls where there is none.
CREATE OR REPLACE FUNCTION reversal_of(p_casino_id uuid, p_ledger_id uuid) RETURNS loyalty_ledger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_sort = off
AS $$
DECLARE
    v_entry loyalty_ledger;
BEGIN
    SELECT * INTO v_entry
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_casino_id
        AND l.reversed_ledger_id BETWEEN p_ledger_id AND p_ledger_id
        AND l.reason = 'reversal'
    ORDER BY l.reversed_ledger_id
    LIMIT 1;
    RETURN v_entry;
END
$$;

REVOKE ALL ON FUNCTION reversal_of(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reversal_of(uuid, uuid)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
