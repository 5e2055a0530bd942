-- Says why a promotion finds no base accrual: no such slip, still open, nothing to earn, or not
-- accrued yet.
CREATE OR REPLACE FUNCTION refuse_promotion_without_base(p_casino_id uuid, p_rating_slip_id uuid)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_slip rating_slip;
BEGIN
    SELECT * INTO v_slip
    FROM rating_slip AS s WHERE s.casino_id = p_casino_id AND s.id = p_rating_slip_id;
    PERFORM refuse(CASE
        WHEN v_slip.id IS NULL THEN 'LOYALTY_SLIP_NOT_FOUND'
        WHEN v_slip.status <> 'closed' THEN 'LOYALTY_SLIP_NOT_CLOSED'
        WHEN NOT (SELECT r.accrual_enabled FROM casino_rules AS r WHERE r.casino_id = p_casino_id)
            THEN 'LOYALTY_ACCRUAL_DISABLED'
        WHEN v_slip.visit_kind <> 'gaming_identified_rated' OR v_slip.player_id IS NULL
            THEN 'LOYALTY_UNRATED_VISIT'
        ELSE 'LOYALTY_BASE_NOT_ACCRUED'
    END);
END
$$;

REVOKE ALL ON FUNCTION refuse_promotion_without_base(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refuse_promotion_without_base(uuid, uuid)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
