-- Refuses, with SQLSTATE 22023, an act that must be explained and is not. Returns the reason
-- trimmed.
CREATE OR REPLACE FUNCTION require_reason(p_reason text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF is_blank(p_reason) THEN
        RAISE EXCEPTION 'a reason is required'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Say why, in words; it is audited.';
    END IF;
    RETURN btrim(p_reason);
END
$$;

REVOKE ALL ON FUNCTION require_reason(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION require_reason(text) TO loyalty_operator;
