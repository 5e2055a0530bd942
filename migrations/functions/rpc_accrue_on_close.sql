-- Accrues one closed slip that stands in rating_slip. Called again it returns the entry it made,
-- with is_existing. Checks in the order of context, casino, role, key, existing entry, state.
CREATE OR REPLACE FUNCTION rpc_accrue_on_close(
    p_rating_slip_id uuid, p_casino_id uuid, p_idempotency_key uuid
) RETURNS TABLE (
    ledger_id uuid,
    points_delta bigint,
    theo numeric,
    balance_after bigint,
    is_existing boolean
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_slip rating_slip;
    v_posted record;
    v_retry boolean := true;
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], roles_allowed('base_accrual'));
    IF p_idempotency_key IS NULL THEN
        PERFORM refuse('LOYALTY_IDEMPOTENCY_REQUIRED');
    END IF;
    SELECT * INTO v_slip
    FROM rating_slip AS s WHERE s.casino_id = p_casino_id AND s.id = p_rating_slip_id;
    IF v_slip.status IS DISTINCT FROM 'closed' THEN
        IF EXISTS (
            SELECT FROM loyalty_ledger AS l
            WHERE l.casino_id = p_casino_id AND l.idempotency_key = p_idempotency_key
        ) THEN
            PERFORM refuse('LOYALTY_IDEMPOTENCY_CONFLICT');
        END IF;
        PERFORM refuse(CASE
            WHEN v_slip.id IS NULL THEN 'LOYALTY_SLIP_NOT_FOUND' ELSE 'LOYALTY_SLIP_NOT_CLOSED'
        END);
    END IF;

    -- the same key on another player, posted at this very moment, shows as a unique violation;
    -- the second look sees its entry
    LOOP
        BEGIN
            SELECT * INTO STRICT v_posted
            FROM accrue_closed_slips(ARRAY[v_slip], ARRAY[p_idempotency_key], ARRAY[NULL::jsonb]);
            EXIT;
        EXCEPTION WHEN unique_violation THEN
            IF NOT v_retry THEN
                RAISE EXCEPTION 'the key or the slip was taken twice meanwhile; retry'
                USING ERRCODE = 'serialization_failure';
            END IF;
            v_retry := false;
        END;
    END LOOP;
    IF v_posted.verdict = 'refused' THEN
        PERFORM refuse(v_posted.refusal, v_posted.detail);
    ELSIF v_posted.ledger_id IS NULL THEN
        PERFORM refuse('LOYALTY_UNRATED_VISIT');
    END IF;
    RETURN QUERY
    SELECT l.id, l.points_delta, (l.metadata #>> '{calc,theo}')::numeric, l.balance_after,
        v_posted.verdict = 'duplicate'
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_casino_id AND l.id = v_posted.ledger_id;
END
$$;

REVOKE ALL ON FUNCTION rpc_accrue_on_close(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpc_accrue_on_close(uuid, uuid, uuid)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
