-- Raises a refusal of the closed list. p_detail says which record, without personal data.
CREATE OR REPLACE FUNCTION refuse(p_name text, p_detail text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_refusal record;
BEGIN
    SELECT r.name, r.sqlstate, r.sentence INTO STRICT v_refusal
    FROM loyalty_refusals() AS r WHERE r.name = p_name;
    RAISE EXCEPTION '%: %', v_refusal.name, v_refusal.sentence
    USING ERRCODE = v_refusal.sqlstate, DETAIL = coalesce(p_detail, '');
END
$$;

REVOKE ALL ON FUNCTION refuse(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refuse(text, text)
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
