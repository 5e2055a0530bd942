-- What stands against an entry as the base accrual of its slip: the refusal of the accrual, or that
-- it differs from the slip's facts and the formula. Nulls for nothing.
CREATE OR REPLACE FUNCTION accrual_objection(
    p_entry loyalty_ledger, OUT refusal text, OUT detail text
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_slip rating_slip;
    s record;
BEGIN
    SELECT * INTO v_slip
    FROM rating_slip AS r
    WHERE r.casino_id = p_entry.casino_id AND r.id = p_entry.rating_slip_id;
    IF v_slip.status IS DISTINCT FROM 'closed' THEN
        refusal := CASE
            WHEN v_slip.id IS NULL THEN 'LOYALTY_SLIP_NOT_FOUND' ELSE 'LOYALTY_SLIP_NOT_CLOSED'
        END;
        RETURN;
    END IF;
    SELECT * INTO STRICT s
    FROM look_up_closed_slips(ARRAY[v_slip], ARRAY[NULL]::uuid[], ARRAY[p_entry.casino_id]);
    refusal := CASE
        WHEN NOT s.accrual_enabled THEN 'LOYALTY_ACCRUAL_DISABLED'
        WHEN s.rule_refusal IS NOT NULL THEN s.rule_refusal
        WHEN NOT s.earns THEN 'LOYALTY_UNRATED_VISIT'
    END;
    IF (
        p_entry.player_id, p_entry.visit_id, p_entry.points_delta, p_entry.payload_hash,
        p_entry.gaming_day, p_entry.occurred_at
    ) IS DISTINCT FROM (
        v_slip.player_id, v_slip.visit_id, s.points, s.facts_hash, s.gaming_day, v_slip.closed_at
    )
    THEN
        detail := 'it differs from the facts of its slip and the formula';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION accrual_objection(loyalty_ledger) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accrual_objection(loyalty_ledger)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
