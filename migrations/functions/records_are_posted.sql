-- Whether records of a topic were processed within the last so many seconds.
CREATE OR REPLACE FUNCTION records_are_posted(p_seconds double precision) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM consumer_progress AS p
        WHERE p.closed_at IS NULL
            AND p.updated_at > clock_timestamp() - make_interval(secs => p_seconds)
    )
$$;

REVOKE ALL ON FUNCTION records_are_posted(double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION records_are_posted(double precision)
TO loyalty_worker, loyalty_operator;
