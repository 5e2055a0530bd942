-- The gate of what a person asks for: context, casino and role, then that p_staff_id is the very
-- person who acts, then the key. Raises LOYALTY_FORBIDDEN and LOYALTY_IDEMPOTENCY_REQUIRED
-- besides what require_caller raises.
CREATE OR REPLACE FUNCTION require_request(
    p_casino_id uuid, p_action text, p_staff_id uuid, p_idempotency_key uuid
) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], roles_allowed(p_action));
    IF p_staff_id IS DISTINCT FROM (SELECT c.actor_id FROM staff_context() AS c) THEN
        PERFORM refuse('LOYALTY_FORBIDDEN', 'the staff member named is not the one who acts');
    END IF;
    IF p_idempotency_key IS NULL THEN
        PERFORM refuse('LOYALTY_IDEMPOTENCY_REQUIRED');
    END IF;
END
$$;

REVOKE ALL ON FUNCTION require_request(uuid, text, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION require_request(uuid, text, uuid, uuid)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
