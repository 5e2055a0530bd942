-- Writes an audit row about an act of the caller at a casino: who (the person of the context, else
-- the name in app.actor_name, else the login), under which correlation id, and, where one was
-- given, for what reason.
CREATE OR REPLACE FUNCTION write_audit(
    p_casino_id uuid, p_domain text, p_action text, p_details jsonb
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO audit_log (
        casino_id, domain, action, actor_id, actor_name, correlation_id, details
    )
    VALUES (
        p_casino_id, p_domain, p_action,
        (SELECT c.actor_id FROM staff_context() AS c),
        coalesce(nullif(current_setting('app.actor_name', true), ''), session_user),
        nullif(current_setting('app.correlation_id', true), ''),
        p_details || jsonb_strip_nulls(jsonb_build_object(
            'reason', nullif(current_setting('app.reason', true), '')
        ))
    );
END
$$;

REVOKE ALL ON FUNCTION write_audit(uuid, text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION write_audit(uuid, text, text, jsonb)
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator;
