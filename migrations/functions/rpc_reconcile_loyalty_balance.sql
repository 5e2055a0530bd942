-- Sets a player's cached balance and count to what the entries say, and audits both. A missing
-- cache counts as 0; drift_detected is true also for that and for a wrong count. Refuses with
-- LOYALTY_LEDGER_DAMAGED unless the entries run 1..n and each balance follows from the one before,
-- and with LOYALTY_PLAYER_NOT_FOUND where there is neither cache nor entry.
CREATE OR REPLACE FUNCTION rpc_reconcile_loyalty_balance(p_player_id uuid, p_casino_id uuid)
RETURNS TABLE (
    old_balance bigint,
    new_balance bigint,
    drift_detected boolean
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_created boolean;
    v_old player_loyalty;
    v_entries record;
BEGIN
    PERFORM require_caller(ARRAY[p_casino_id], roles_allowed('reconcile'));
    IF p_player_id IS NULL THEN
        PERFORM refuse('LOYALTY_PLAYER_NOT_FOUND');
    END IF;
    v_created := EXISTS (
        SELECT FROM lock_player_balances(ARRAY[p_casino_id], ARRAY[p_player_id])
    );
    SELECT * INTO v_old
    FROM player_loyalty AS b WHERE b.casino_id = p_casino_id AND b.player_id = p_player_id;
    SELECT count(*) AS number,
        coalesce(sum(e.points_delta), 0)::bigint AS balance,
        coalesce(bool_and(
            e.entry_no = e.place AND e.balance_after = e.previous_balance + e.points_delta
        ), true) AS whole
    INTO v_entries
    FROM (
        SELECT l.entry_no, l.points_delta, l.balance_after,
            row_number() OVER chain AS place,
            lag(l.balance_after, 1, 0::bigint) OVER chain AS previous_balance
        FROM loyalty_ledger AS l
        WHERE l.casino_id = p_casino_id AND l.player_id = p_player_id
        WINDOW chain AS (ORDER BY l.entry_no)
    ) AS e;
    IF v_created AND v_entries.number = 0 THEN
        PERFORM refuse('LOYALTY_PLAYER_NOT_FOUND');
    ELSIF NOT v_entries.whole THEN
        PERFORM refuse('LOYALTY_LEDGER_DAMAGED');
    END IF;

    old_balance := v_old.current_balance;
    new_balance := v_entries.balance;
    drift_detected := v_created
        OR v_old.current_balance <> v_entries.balance OR v_old.entry_count <> v_entries.number;
    IF drift_detected THEN
        UPDATE player_loyalty AS b
        SET current_balance = v_entries.balance,
            entry_count = v_entries.number,
            updated_at = now()
        WHERE b.casino_id = p_casino_id AND b.player_id = p_player_id;
    END IF;
    PERFORM write_audit(p_casino_id, 'ledger', 'reconcile', jsonb_build_object(
        'player_id', p_player_id,
        'old_balance', v_old.current_balance, 'new_balance', v_entries.balance,
        'old_entry_count', v_old.entry_count, 'new_entry_count', v_entries.number,
        'cache_was_missing', v_created, 'drift_detected', drift_detected
    ));
    RETURN NEXT;
END
$$;

REVOKE ALL ON FUNCTION rpc_reconcile_loyalty_balance(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpc_reconcile_loyalty_balance(uuid, uuid)
TO loyalty_staff, loyalty_postgrest, loyalty_operator;
