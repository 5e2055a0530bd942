-- Opens the casinos named to the rest of this transaction, for worker and operator only. Ids that
-- nobody provisioned are accepted: the worker must be able to judge an event of such a casino.
CREATE OR REPLACE FUNCTION set_service_context(p_casino_ids uuid[], p_correlation_id text)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT caller_has_role(ARRAY['service', 'operator']) THEN
        PERFORM refuse('LOYALTY_FORBIDDEN', 'allowed: service, operator');
    END IF;
    PERFORM set_config('app.casino_ids', coalesce(p_casino_ids, '{}')::text, true);
    PERFORM set_config('app.correlation_id', coalesce(p_correlation_id, ''), true);
END
$$;

REVOKE ALL ON FUNCTION set_service_context(uuid[], text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_service_context(uuid[], text) TO loyalty_worker, loyalty_operator;
