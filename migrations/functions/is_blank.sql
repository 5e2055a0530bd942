-- Whether a text says nothing: null, empty, or only white space and characters that nobody sees.
-- They are spelled out because what counts as space depends on the database's locale.
CREATE OR REPLACE FUNCTION is_blank(p_text text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT coalesce(p_text, '') !~ (
        '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5'
        '\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164'
        '\ufe00-\ufe0f\ufeff\uffa0]'
    )
$$;

REVOKE ALL ON FUNCTION is_blank(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_blank(text)
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator;
