-- The casino at which the person of the context may do p_action, null for none: what policies
-- compare a row's casino with, once per statement.
CREATE OR REPLACE FUNCTION staff_casino(p_action text) RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.casino_id FROM staff_context() AS c WHERE c.staff_role = ANY (roles_allowed(p_action))
$$;

REVOKE ALL ON FUNCTION staff_casino(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION staff_casino(text) TO loyalty_staff, loyalty_postgrest;
