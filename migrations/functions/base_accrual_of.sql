-- The base accrual of a slip; nulls where there is none.
CREATE OR REPLACE FUNCTION base_accrual_of(p_casino_id uuid, p_rating_slip_id uuid)
RETURNS loyalty_ledger
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
    WHERE l.casino_id = p_casino_id AND l.source_kind = 'rating_slip'
        AND l.source_id BETWEEN p_rating_slip_id AND p_rating_slip_id
        AND l.reason = 'base_accrual'
    ORDER BY l.source_id
    LIMIT 1;
    RETURN v_entry;
END
$$;

REVOKE ALL ON FUNCTION base_accrual_of(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION base_accrual_of(uuid, uuid)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
