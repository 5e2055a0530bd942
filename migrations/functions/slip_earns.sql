-- Only an identified and rated visit of a known player earns points; never null.
CREATE OR REPLACE FUNCTION slip_earns(p_visit_kind text, p_player_id uuid) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN coalesce(p_visit_kind = 'gaming_identified_rated' AND p_player_id IS NOT NULL, false);
END
$$;

REVOKE ALL ON FUNCTION slip_earns(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION slip_earns(text, uuid)
TO loyalty_worker, loyalty_operator, loyalty_readonly;
