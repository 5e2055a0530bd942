-- The arguments of a request that moves points by hand: an amount that is valid to the caller
-- and within range, and a note.
CREATE OR REPLACE FUNCTION require_points(p_points bigint, p_valid boolean, p_note text)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT coalesce(p_valid, false) THEN
        PERFORM refuse('LOYALTY_POINTS_INVALID');
    ELSIF p_points NOT BETWEEN -1000000000000 AND 1000000000000 THEN
        PERFORM refuse('LOYALTY_POINTS_OUT_OF_RANGE', 'points of the request');
    ELSIF is_blank(p_note) THEN
        PERFORM refuse('LOYALTY_NOTE_REQUIRED');
    END IF;
END
$$;

REVOKE ALL ON FUNCTION require_points(bigint, boolean, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION require_points(bigint, boolean, text) TO loyalty_staff, loyalty_postgrest;
