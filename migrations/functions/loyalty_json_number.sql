-- A decimal that JSON holds as a number or as a text ("1.50"); null where it is neither.
CREATE OR REPLACE FUNCTION loyalty_json_number(p_value jsonb) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN CASE jsonb_typeof(p_value)
        WHEN 'number' THEN p_value::numeric
        WHEN 'string' THEN substring(
            p_value #>> '{}' FROM '^-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][-+]?[0-9]{1,2})?$'
        )::numeric
    END;
END
$$;

REVOKE ALL ON FUNCTION loyalty_json_number(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION loyalty_json_number(jsonb)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
