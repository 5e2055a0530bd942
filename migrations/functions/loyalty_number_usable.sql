-- Whether a factor of the formula can be computed with: there, finite, not negative, and of a
-- size for which exact arithmetic stays cheap. Never null.
CREATE OR REPLACE FUNCTION loyalty_number_usable(p_value numeric) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- NaN sorts above every number
    RETURN coalesce(p_value >= 0 AND p_value <= 1e18 AND scale(p_value) <= 100, false);
END
$$;

REVOKE ALL ON FUNCTION loyalty_number_usable(numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION loyalty_number_usable(numeric)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
