-- The casino's business day of an instant: what happens before p_gaming_day_start by the clock
-- on its wall belongs to the day before.
CREATE OR REPLACE FUNCTION loyalty_gaming_day(
    p_closed_at timestamptz, p_timezone text, p_gaming_day_start time
) RETURNS date
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_local timestamp := p_closed_at AT TIME ZONE p_timezone;
BEGIN
    RETURN v_local::date - (v_local::time < p_gaming_day_start)::integer;
END
$$;

REVOKE ALL ON FUNCTION loyalty_gaming_day(timestamptz, text, time) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION loyalty_gaming_day(timestamptz, text, time)
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
