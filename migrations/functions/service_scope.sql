-- The casinos that this transaction may see, null for none. Anybody can write the setting, so it
-- counts only for who is connected as the worker or an operator. After a SET LOCAL on a pooled
-- connection an unset setting reads as an empty text.
CREATE OR REPLACE FUNCTION service_scope() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
        WHEN pg_has_role(session_user, 'loyalty_worker', 'USAGE')
            OR pg_has_role(session_user, 'loyalty_operator', 'USAGE')
        THEN nullif(current_setting('app.casino_ids', true), '')::uuid[]
    END
$$;

REVOKE ALL ON FUNCTION service_scope() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION service_scope()
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
