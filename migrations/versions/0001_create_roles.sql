-- Locks: none on tables; new rows in the cluster's list of roles.
--
-- Group roles without login; a deployment grants them to its logins. Several databases of a
-- cluster share them, so another migration may be creating them at this very moment.
DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY[
        'loyalty_worker', 'loyalty_staff', 'loyalty_postgrest', 'loyalty_operator', 'loyalty_readonly'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = v_role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database's migration was faster: the role is there
            END;
        END IF;
    END LOOP;
END
$$;

-- A database that was upgraded from PostgreSQL 14 still lets everybody create objects here.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO loyalty_worker, loyalty_operator, loyalty_readonly;
