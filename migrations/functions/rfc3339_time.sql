-- A time as events write it: RFC 3339 in UTC, with microseconds.
CREATE OR REPLACE FUNCTION rfc3339_time(p_time timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT to_char(p_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

REVOKE ALL ON FUNCTION rfc3339_time(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rfc3339_time(timestamptz) TO loyalty_worker, loyalty_operator;
