-- Spends a player's points on a comp. p_points is positive. The newest entry says what there is,
-- not the cached balance. An overdraw is recorded in metadata.overdraw with who approved it.
CREATE OR REPLACE FUNCTION rpc_redeem(
    p_casino_id uuid,
    p_player_id uuid,
    p_points bigint,
    p_issued_by_staff_id uuid,
    p_note text,
    p_idempotency_key uuid,
    p_allow_overdraw boolean DEFAULT false,
    p_reward_id uuid DEFAULT NULL,
    p_reference text DEFAULT NULL
) RETURNS TABLE (
    ledger_id uuid,
    points_delta bigint,
    balance_before bigint,
    balance_after bigint,
    overdraw_applied boolean,
    is_existing boolean
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_entry loyalty_ledger;
    v_hash bytea := loyalty_request_hash(
        'redeem', p_casino_id::text, p_player_id::text, p_points::text,
        p_issued_by_staff_id::text, p_note, coalesce(p_allow_overdraw, false)::text,
        p_reward_id::text, p_reference
    );
    v_before bigint;
    v_refusal text;
BEGIN
    PERFORM require_request(p_casino_id, 'redeem', p_issued_by_staff_id, p_idempotency_key);
    PERFORM require_points(p_points, p_points > 0, p_note);
    v_entry := begin_entry(p_casino_id, p_player_id, p_idempotency_key, v_hash);
    is_existing := v_entry.id IS NOT NULL;
    IF NOT is_existing THEN
        v_before := (SELECT n.balance_after FROM newest_entry(p_casino_id, p_player_id) AS n);
        v_refusal := redemption_refusal(
            p_casino_id, p_points, v_before - p_points, p_allow_overdraw
        );
        IF v_refusal IS NOT NULL THEN
            PERFORM refuse(v_refusal);
        END IF;
        v_entry.casino_id := p_casino_id;
        v_entry.player_id := p_player_id;
        v_entry.points_delta := -p_points;
        v_entry.reason := 'redeem';
        v_entry.staff_id := p_issued_by_staff_id;
        v_entry.idempotency_key := p_idempotency_key;
        v_entry.payload_hash := v_hash;
        v_entry.note := p_note;
        v_entry.metadata := jsonb_build_object(
            'reward_id', p_reward_id,
            'reference', p_reference,
            'overdraw', CASE WHEN v_before < p_points THEN jsonb_build_object(
                'approved_by', p_issued_by_staff_id,
                'points', p_points - greatest(v_before, 0),
                'cap', (
                    SELECT r.max_overdraw_points_per_redeem
                    FROM casino_rules AS r WHERE r.casino_id = p_casino_id
                )
            ) END
        );
        v_entry := post_entry(v_entry);
    END IF;

    ledger_id := v_entry.id;
    points_delta := v_entry.points_delta;
    balance_before := v_entry.balance_after - v_entry.points_delta;
    balance_after := v_entry.balance_after;
    overdraw_applied := v_entry.metadata ? 'overdraw';
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION rpc_redeem(uuid, uuid, bigint, uuid, text, uuid, boolean, uuid, text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpc_redeem(uuid, uuid, bigint, uuid, text, uuid, boolean, uuid, text)
TO loyalty_staff, loyalty_postgrest;
