-- Posts one entry for a player whose balance is locked: numbers it after the newest entry, dates
-- it by the database's clock and moves the cached balance by its points, however wrong that is (see
-- write_closed_slips). Everything else is as given. Returns the entry. Raises LOYALTY_POINTS_OUT_OF_RANGE and, where the key was taken
-- meanwhile for another player, LOYALTY_IDEMPOTENCY_CONFLICT.
CREATE OR REPLACE FUNCTION post_entry(p_entry loyalty_ledger) RETURNS loyalty_ledger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_newest record := newest_entry(p_entry.casino_id, p_entry.player_id);
BEGIN
    p_entry.id := gen_random_uuid();
    p_entry.entry_no := v_newest.entry_no + 1;
    p_entry.balance_after := v_newest.balance_after + p_entry.points_delta;
    p_entry.occurred_at := now();
    p_entry.metadata := jsonb_strip_nulls(coalesce(p_entry.metadata, '{}'));
    IF p_entry.balance_after NOT BETWEEN -1000000000000 AND 1000000000000 THEN
        PERFORM refuse('LOYALTY_POINTS_OUT_OF_RANGE', 'balance after the entry');
    END IF;
    p_entry.gaming_day := coalesce(p_entry.gaming_day, (
        SELECT loyalty_gaming_day(p_entry.occurred_at, r.timezone, r.gaming_day_start)
        FROM casino_rules AS r WHERE r.casino_id = p_entry.casino_id
    ));

    INSERT INTO loyalty_ledger (
        casino_id, id, player_id, entry_no, points_delta, balance_after, reason, rating_slip_id,
        visit_id, staff_id, campaign_id, reversed_ledger_id, source_kind, source_id,
        idempotency_key, payload_hash, note, metadata, gaming_day, occurred_at
    )
    VALUES (
        p_entry.casino_id, p_entry.id, p_entry.player_id, p_entry.entry_no, p_entry.points_delta,
        p_entry.balance_after, p_entry.reason, p_entry.rating_slip_id, p_entry.visit_id,
        p_entry.staff_id, p_entry.campaign_id, p_entry.reversed_ledger_id, p_entry.source_kind,
        p_entry.source_id, p_entry.idempotency_key, p_entry.payload_hash, p_entry.note,
        p_entry.metadata, p_entry.gaming_day, p_entry.occurred_at
    )
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        -- requests for this player wait at the lock: whatever holds the key is another request
        PERFORM entry_of_key(p_entry.casino_id, p_entry.idempotency_key, p_entry.payload_hash);
        RAISE EXCEPTION 'another entry was posted past the balance''s lock; retry'
        USING ERRCODE = 'serialization_failure';
    END IF;

    UPDATE player_loyalty AS b
    SET current_balance = least(
            greatest(b.current_balance::numeric + p_entry.points_delta, -9e18), 9e18
        ),
        entry_count = least(b.entry_count::numeric + 1, 9e18),
        updated_at = now()
    WHERE b.casino_id = p_entry.casino_id AND b.player_id = p_entry.player_id;
    RETURN p_entry;
END
$$;

REVOKE ALL ON FUNCTION post_entry(loyalty_ledger) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION post_entry(loyalty_ledger)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
