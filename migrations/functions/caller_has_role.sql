-- Whether the caller acts in one of the roles named: 'service' is the worker's database role,
-- 'operator' the operator's. Never null, so that a gate built on it cannot be passed by accident.
CREATE OR REPLACE FUNCTION caller_has_role(p_roles text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce(
        ('service' = ANY (p_roles) AND pg_has_role(session_user, 'loyalty_worker', 'USAGE'))
        OR ('operator' = ANY (p_roles) AND pg_has_role(session_user, 'loyalty_operator', 'USAGE')),
        false
    )
$$;

REVOKE ALL ON FUNCTION caller_has_role(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION caller_has_role(text[])
TO loyalty_worker, loyalty_operator, loyalty_readonly;
