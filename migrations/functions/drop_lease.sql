-- Gives a duty back, so that another process need not wait; nothing where it is not held.
CREATE OR REPLACE FUNCTION drop_lease(p_name text, p_holder text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    DELETE FROM worker_lease AS l WHERE l.name = p_name AND l.holder = p_holder;
END
$$;

REVOKE ALL ON FUNCTION drop_lease(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_lease(text, text) TO loyalty_worker;
