-- Says for whom the gateway acts in the rest of this transaction. The person must be active at
-- that casino in that role, else LOYALTY_STAFF_UNKNOWN. A dealer is accepted, and may nothing.
CREATE OR REPLACE FUNCTION set_rls_context(
    p_actor_id uuid, p_casino_id uuid, p_staff_role text, p_correlation_id text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, 'loyalty_staff', 'USAGE') THEN
        PERFORM refuse('LOYALTY_FORBIDDEN', 'allowed: the gateway of the staff');
    END IF;
    PERFORM set_config('app.actor_id', coalesce(p_actor_id::text, ''), true);
    PERFORM set_config('app.casino_id', coalesce(p_casino_id::text, ''), true);
    PERFORM set_config('app.staff_role', coalesce(p_staff_role, ''), true);
    PERFORM set_config('app.correlation_id', coalesce(p_correlation_id, ''), true);
    IF (SELECT c.actor_id FROM staff_context() AS c) IS NULL THEN
        PERFORM refuse('LOYALTY_STAFF_UNKNOWN');
    END IF;
END
$$;

REVOKE ALL ON FUNCTION set_rls_context(uuid, uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_rls_context(uuid, uuid, text, text) TO loyalty_staff;
