-- The reasons for which the caller may post entries; empty for who may post none.
CREATE OR REPLACE FUNCTION postable_reasons() RETURNS loyalty_reason[]
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT ARRAY(
        SELECT r FROM unnest(enum_range(NULL::loyalty_reason)) AS r
        WHERE caller_has_role(roles_allowed(r::text))
    )
$$;

REVOKE ALL ON FUNCTION postable_reasons() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION postable_reasons() TO loyalty_staff, loyalty_postgrest;
