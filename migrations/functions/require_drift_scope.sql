-- Refuses a drift check of casinos, null for all, that the caller does not see: policies would
-- hide their rows and the check would find nothing. The read-only role sees everything, and so
-- does a login to which policies do not apply.
CREATE OR REPLACE FUNCTION require_drift_scope(p_casino_id uuid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_casinos uuid[];
BEGIN
    IF p_casino_id IS NOT NULL AND NOT EXISTS (SELECT FROM casino AS c WHERE c.id = p_casino_id)
    THEN
        PERFORM refuse('LOYALTY_CASINO_UNKNOWN', format('casino %s', p_casino_id));
    END IF;
    IF pg_has_role(current_user, 'loyalty_readonly', 'USAGE')
        OR NOT row_security_active('loyalty_ledger')
    THEN
        RETURN;
    END IF;
    v_casinos := CASE
        WHEN p_casino_id IS NULL THEN ARRAY(SELECT c.id FROM casino AS c)
        ELSE ARRAY[p_casino_id]
    END;
    PERFORM require_caller(v_casinos, ARRAY['service', 'operator']);
END
$$;

REVOKE ALL ON FUNCTION require_drift_scope(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION require_drift_scope(uuid)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
