-- What a manual credit and an adjustment share once their gate and their arguments have passed:
-- they differ in their reason alone. Returns the entry, and whether it was there already.
CREATE OR REPLACE FUNCTION post_points(
    p_reason loyalty_reason,
    p_casino_id uuid,
    p_player_id uuid,
    p_points_delta bigint,
    p_staff_id uuid,
    p_note text,
    p_idempotency_key uuid
) RETURNS TABLE (
    ledger_id uuid,
    points_delta bigint,
    balance_after bigint,
    is_existing boolean
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_entry loyalty_ledger;
    v_hash bytea := loyalty_request_hash(
        p_reason::text, p_casino_id::text, p_player_id::text, p_points_delta::text,
        p_staff_id::text, p_note
    );
BEGIN
    v_entry := begin_entry(p_casino_id, p_player_id, p_idempotency_key, v_hash);
    is_existing := v_entry.id IS NOT NULL;
    IF NOT is_existing THEN
        v_entry.casino_id := p_casino_id;
        v_entry.player_id := p_player_id;
        v_entry.points_delta := p_points_delta;
        v_entry.reason := p_reason;
        v_entry.staff_id := p_staff_id;
        v_entry.idempotency_key := p_idempotency_key;
        v_entry.payload_hash := v_hash;
        v_entry.note := p_note;
        v_entry := post_entry(v_entry);
    END IF;
    ledger_id := v_entry.id;
    points_delta := v_entry.points_delta;
    balance_after := v_entry.balance_after;
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION post_points(loyalty_reason, uuid, uuid, bigint, uuid, text, uuid)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION post_points(loyalty_reason, uuid, uuid, bigint, uuid, text, uuid)
TO loyalty_staff, loyalty_postgrest;
