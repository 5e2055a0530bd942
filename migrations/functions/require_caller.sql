-- The gate of every function that acts for somebody: a context, the casinos inside it, the role,
-- in this order. Raises LOYALTY_UNAUTHORIZED, LOYALTY_STAFF_UNKNOWN (the person claimed is not
-- active there in that role), LOYALTY_CASINO_MISMATCH, LOYALTY_FORBIDDEN.
CREATE OR REPLACE FUNCTION require_caller(p_casino_ids uuid[], p_roles text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_scope uuid[] := service_scope();
BEGIN
    IF v_scope IS NULL THEN
        v_scope := (
            SELECT ARRAY[c.casino_id] FROM staff_context() AS c WHERE c.casino_id IS NOT NULL
        );
    END IF;
    IF v_scope IS NULL THEN
        PERFORM refuse(CASE
            WHEN (SELECT c.actor_id FROM claimed_staff() AS c) IS NULL THEN 'LOYALTY_UNAUTHORIZED'
            ELSE 'LOYALTY_STAFF_UNKNOWN'
        END);
    END IF;
    IF NOT coalesce(p_casino_ids <@ v_scope, false) THEN
        PERFORM refuse('LOYALTY_CASINO_MISMATCH');
    END IF;
    IF NOT caller_has_role(p_roles) THEN
        PERFORM refuse('LOYALTY_FORBIDDEN', format('allowed: %s', array_to_string(p_roles, ', ')));
    END IF;
END
$$;

REVOKE ALL ON FUNCTION require_caller(uuid[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION require_caller(uuid[], text[])
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator;
