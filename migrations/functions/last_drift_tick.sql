-- The newest tick of the schedule that was claimed, null before the first. One that lies ahead was
-- claimed by a clock that was wrong, and must not keep all others from being claimed.
CREATE OR REPLACE FUNCTION last_drift_tick() RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT max(t.scheduled_for) FROM drift_tick AS t WHERE t.scheduled_for <= now()
$$;

REVOKE ALL ON FUNCTION last_drift_tick() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION last_drift_tick() TO loyalty_worker, loyalty_operator, loyalty_readonly;
