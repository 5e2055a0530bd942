-- Removes records that the broker has acknowledged.
CREATE OR REPLACE FUNCTION delete_outbox(p_ids bigint[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, public, pg_temp AS $$
    DELETE FROM outbox_record AS o WHERE o.id = ANY (p_ids)
$$;

REVOKE ALL ON FUNCTION delete_outbox(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delete_outbox(bigint[]) TO loyalty_worker;
