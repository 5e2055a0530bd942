-- Takes a duty for so many seconds from this instant, or keeps it; false where another process
-- holds it.
CREATE OR REPLACE FUNCTION take_lease(p_name text, p_holder text, p_seconds double precision)
RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO worker_lease AS l (name, holder, expires_at)
    VALUES (p_name, p_holder, clock_timestamp() + make_interval(secs => p_seconds))
    ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, expires_at = excluded.expires_at
    -- the clock's time, and not the transaction's: this may have waited for the row
    WHERE l.holder = excluded.holder OR l.expires_at <= clock_timestamp();
    RETURN FOUND;
END
$$;

REVOKE ALL ON FUNCTION take_lease(text, text, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_lease(text, text, double precision) TO loyalty_worker;
