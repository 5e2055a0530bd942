-- The rule of redemptions: the name of the refusal that stands against one, or null. p_points is
-- positive, p_balance_after what would be left. Where the funds suffice p_allow_overdraw means
-- nothing. No cap is null.
CREATE OR REPLACE FUNCTION redemption_refusal(
    p_casino_id uuid, p_points bigint, p_balance_after bigint, p_allow_overdraw boolean
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_rules casino_rules;
BEGIN
    SELECT * INTO v_rules FROM casino_rules AS r WHERE r.casino_id = p_casino_id;
    RETURN CASE
        WHEN v_rules.casino_id IS NULL THEN 'LOYALTY_CASINO_UNKNOWN'
        WHEN p_points > v_rules.max_redeem_points_per_txn THEN 'LOYALTY_REDEEM_EXCEEDS_CAP'
        WHEN p_balance_after >= 0 THEN NULL
        WHEN NOT coalesce(p_allow_overdraw, false) THEN 'LOYALTY_INSUFFICIENT_BALANCE'
        WHEN NOT caller_has_role(roles_allowed('approve_overdraw'))
            THEN 'LOYALTY_OVERDRAW_NOT_AUTHORIZED'
        WHEN p_balance_after < -v_rules.max_overdraw_points_per_redeem
            THEN 'LOYALTY_OVERDRAW_EXCEEDS_CAP'
    END;
END
$$;

REVOKE ALL ON FUNCTION redemption_refusal(uuid, bigint, bigint, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redemption_refusal(uuid, bigint, bigint, boolean)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
