-- Puts a player's points right, up or down, also below zero; not by nothing.
CREATE OR REPLACE FUNCTION rpc_adjust_points(
    p_casino_id uuid,
    p_player_id uuid,
    p_points_delta bigint,
    p_adjusted_by_staff_id uuid,
    p_note text,
    p_idempotency_key uuid
) RETURNS TABLE (
    ledger_id uuid,
    points_delta bigint,
    balance_after bigint,
    is_existing boolean
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_request(p_casino_id, 'adjustment', p_adjusted_by_staff_id, p_idempotency_key);
    PERFORM require_points(p_points_delta, p_points_delta <> 0, p_note);
    RETURN QUERY SELECT * FROM post_points(
        'adjustment', p_casino_id, p_player_id, p_points_delta, p_adjusted_by_staff_id, p_note,
        p_idempotency_key
    );
END
$$;

REVOKE ALL ON FUNCTION rpc_adjust_points(uuid, uuid, bigint, uuid, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpc_adjust_points(uuid, uuid, bigint, uuid, text, uuid)
TO loyalty_staff, loyalty_postgrest;
