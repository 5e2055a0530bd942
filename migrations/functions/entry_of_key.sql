-- The entry that was posted under an idempotency key, for the same request; null where there is
-- none. Refuses with LOYALTY_IDEMPOTENCY_CONFLICT where the key came with another request.
CREATE OR REPLACE FUNCTION entry_of_key(
    p_casino_id uuid, p_idempotency_key uuid, p_payload_hash bytea
) RETURNS loyalty_ledger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_sort = off
AS $$
DECLARE
    v_entry loyalty_ledger;
BEGIN
    -- an order that only the right index has: see look_up_closed_slips
    SELECT * INTO v_entry
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_casino_id
        AND l.idempotency_key BETWEEN p_idempotency_key AND p_idempotency_key
    ORDER BY l.idempotency_key
    LIMIT 1;
    IF v_entry.payload_hash <> p_payload_hash THEN
        PERFORM refuse(
            'LOYALTY_IDEMPOTENCY_CONFLICT', format('the key belongs to entry %s', v_entry.id)
        );
    END IF;
    RETURN v_entry;
END
$$;

REVOKE ALL ON FUNCTION entry_of_key(uuid, uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION entry_of_key(uuid, uuid, bytea)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
