-- What stands against one new entry by the rules of its reason: the name of a refusal, or in words
-- what is wrong with it. Nulls for nothing. The worker computes amounts and times itself; from
-- everybody else they are checked against formula and clock.
CREATE OR REPLACE FUNCTION entry_objection(
    p_entry loyalty_ledger, p_by_worker boolean, OUT refusal text, OUT detail text
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_found record;
BEGIN
    IF p_entry.reason = 'redeem' THEN
        refusal := redemption_refusal(
            p_entry.casino_id, -p_entry.points_delta, p_entry.balance_after,
            p_entry.metadata ? 'overdraw'
        );
    ELSIF p_entry.reason = 'reversal' THEN
        v_found := reversal_objection(p_entry);
        refusal := v_found.refusal;
        detail := v_found.detail;
    END IF;
    IF p_by_worker OR refusal IS NOT NULL OR detail IS NOT NULL THEN
        RETURN;
    END IF;

    IF p_entry.reason = 'base_accrual' THEN
        v_found := accrual_objection(p_entry);
        refusal := v_found.refusal;
        detail := v_found.detail;
    ELSIF p_entry.occurred_at <> now() THEN
        detail := 'occurred_at is not the time of the transaction';
    ELSIF p_entry.reason = 'promotion' THEN
        v_found := promotion_objection(p_entry);
        refusal := v_found.refusal;
        detail := v_found.detail;
    ELSIF is_blank(p_entry.note) THEN
        refusal := 'LOYALTY_NOTE_REQUIRED';
    ELSIF p_entry.reason = 'adjustment' AND p_entry.points_delta = 0 THEN
        refusal := 'LOYALTY_POINTS_INVALID';
    ELSIF p_entry.balance_after < 0 AND p_entry.reason = 'redeem'
        AND p_entry.metadata #>> '{overdraw,approved_by}' IS DISTINCT FROM p_entry.staff_id::text
    THEN
        detail := 'its overdraw does not name who posted it as the one who approved';
    END IF;
    IF refusal IS NULL AND NOT EXISTS (
        SELECT FROM player_loyalty AS b
        WHERE b.casino_id = p_entry.casino_id AND b.player_id = p_entry.player_id
    ) THEN
        refusal := 'LOYALTY_PLAYER_NOT_FOUND';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION entry_objection(loyalty_ledger, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION entry_objection(loyalty_ledger, boolean)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
