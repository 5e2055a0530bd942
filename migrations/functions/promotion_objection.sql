-- What stands against an entry as a promotion by the terms in its metadata.calc: the terms, or
-- that points or hash differ from them, or the visit from its base's. Nulls for nothing. That the base accrual carries it is
-- checked for all promotions at once, by promotions_without_base.
CREATE OR REPLACE FUNCTION promotion_objection(
    p_entry loyalty_ledger, OUT refusal text, OUT detail text
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_calc jsonb := p_entry.metadata -> 'calc';
    v_base loyalty_ledger := base_accrual_of(p_entry.casino_id, p_entry.source_id);
    v_multiplier numeric;
    v_bonus numeric;
    v_points numeric;
BEGIN
    IF jsonb_typeof(v_calc -> 'multiplier') = 'number' THEN
        v_multiplier := (v_calc ->> 'multiplier')::numeric;
    END IF;
    IF jsonb_typeof(v_calc -> 'bonus') = 'number' THEN
        v_bonus := (v_calc ->> 'bonus')::numeric;
    END IF;
    IF v_bonus IS NULL OR v_bonus = trunc(least(v_bonus, 1e12)) THEN
        v_points := promotion_points(v_base.points_delta, v_multiplier, v_bonus::bigint);
    END IF;
    refusal := CASE
        WHEN v_points IS NULL OR is_blank(p_entry.campaign_id) THEN 'LOYALTY_PROMOTION_INVALID'
        WHEN NOT (
            SELECT r.accrual_enabled FROM casino_rules AS r WHERE r.casino_id = p_entry.casino_id
        ) THEN 'LOYALTY_ACCRUAL_DISABLED'
    END;
    IF refusal IS NULL AND (
        p_entry.points_delta IS DISTINCT FROM v_points
        OR p_entry.payload_hash IS DISTINCT FROM promotion_hash(
            p_entry.casino_id, p_entry.source_id, p_entry.campaign_id, v_multiplier,
            v_bonus::bigint
        )
    ) THEN
        detail := 'it differs from the terms in its metadata';
    ELSIF refusal IS NULL AND p_entry.visit_id IS DISTINCT FROM v_base.visit_id THEN
        detail := 'its visit is not that of its base accrual';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION promotion_objection(loyalty_ledger) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION promotion_objection(loyalty_ledger)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
