-- Whether the caller acts in one of the roles named: 'service' is the worker's database role,
-- 'operator' the operator's, all others are those of the person for whom a gateway acts. Never
-- null, so that a gate built on it cannot be passed by accident.
CREATE OR REPLACE FUNCTION caller_has_role(p_roles text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF 'service' = ANY (p_roles) AND pg_has_role(session_user, 'loyalty_worker', 'USAGE') THEN
        RETURN true;
    ELSIF 'operator' = ANY (p_roles) AND pg_has_role(session_user, 'loyalty_operator', 'USAGE') THEN
        RETURN true;
    END IF;
    RETURN coalesce((SELECT c.staff_role FROM staff_context() AS c) = ANY (p_roles), false);
END
$$;

REVOKE ALL ON FUNCTION caller_has_role(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION caller_has_role(text[])
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
