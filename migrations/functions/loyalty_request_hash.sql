-- What makes two requests "the same": SHA-256 over the operation's name and all arguments but the
-- key, each with its length in front of it, so that no two lists of arguments read alike; null
-- is told from the empty text.
CREATE OR REPLACE FUNCTION loyalty_request_hash(p_operation text, VARIADIC p_arguments text[])
RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT sha256(convert_to(
        'loyalty-request-v1' || string_agg(
            coalesce(E'\n' || octet_length(a.value) || ':' || a.value, E'\n-'), '' ORDER BY a.place
        ),
        'UTF8'
    ))
    FROM unnest(array_prepend(p_operation, p_arguments)) WITH ORDINALITY AS a (value, place)
$$;

REVOKE ALL ON FUNCTION loyalty_request_hash(text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION loyalty_request_hash(text, text[])
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
