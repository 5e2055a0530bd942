-- Whether a text says nothing: null, empty or white space alone.
CREATE OR REPLACE FUNCTION is_blank(p_text text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT coalesce(p_text, '') !~ '[^[:space:]]' $$;

REVOKE ALL ON FUNCTION is_blank(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_blank(text)
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator;
