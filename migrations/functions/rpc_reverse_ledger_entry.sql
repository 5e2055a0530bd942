-- Posts the exact opposite of an entry, once. The same request again, under this or another key,
-- returns the reversal that is there; another request for an entry that was reversed is
-- LOYALTY_ALREADY_REVERSED. A reversal cannot be reversed.
CREATE OR REPLACE FUNCTION rpc_reverse_ledger_entry(
    p_casino_id uuid,
    p_ledger_id uuid,
    p_reversed_by_staff_id uuid,
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
    v_reversed loyalty_ledger;
    v_entry loyalty_ledger;
    v_hash bytea := loyalty_request_hash(
        'reversal', p_casino_id::text, p_ledger_id::text, p_reversed_by_staff_id::text, p_note
    );
BEGIN
    PERFORM require_request(p_casino_id, 'reversal', p_reversed_by_staff_id, p_idempotency_key);
    IF is_blank(p_note) THEN
        PERFORM refuse('LOYALTY_NOTE_REQUIRED');
    END IF;
    -- entries never change: whose it is may be read before the player is locked
    SELECT * INTO v_reversed
    FROM loyalty_ledger AS l WHERE l.casino_id = p_casino_id AND l.id = p_ledger_id;
    IF NOT FOUND THEN
        PERFORM entry_of_key(p_casino_id, p_idempotency_key, v_hash);
        PERFORM refuse('LOYALTY_ENTRY_NOT_FOUND');
    END IF;
    -- nothing is locked for an entry that is there: where a cached balance is missing, the row
    -- that is created to be locked would stay without an entry of its own
    v_entry := reversal_of(p_casino_id, p_ledger_id);
    IF v_entry.id IS NOT NULL THEN
        PERFORM entry_of_key(p_casino_id, p_idempotency_key, v_hash);
    ELSE
        v_entry := begin_entry(p_casino_id, v_reversed.player_id, p_idempotency_key, v_hash);
        IF v_entry.id IS NULL THEN
            v_entry := reversal_of(p_casino_id, p_ledger_id);
        END IF;
    END IF;

    is_existing := v_entry.id IS NOT NULL;
    IF is_existing AND v_entry.payload_hash <> v_hash THEN
        PERFORM refuse('LOYALTY_ALREADY_REVERSED', format('by entry %s', v_entry.id));
    ELSIF v_reversed.reason = 'reversal' THEN
        PERFORM refuse('LOYALTY_NOT_REVERSIBLE');
    END IF;
    IF NOT is_existing THEN
        v_entry.casino_id := p_casino_id;
        v_entry.player_id := v_reversed.player_id;
        v_entry.points_delta := -v_reversed.points_delta;
        v_entry.reason := 'reversal';
        v_entry.rating_slip_id := v_reversed.rating_slip_id;
        v_entry.visit_id := v_reversed.visit_id;
        v_entry.staff_id := p_reversed_by_staff_id;
        v_entry.campaign_id := v_reversed.campaign_id;
        v_entry.reversed_ledger_id := p_ledger_id;
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

REVOKE ALL ON FUNCTION rpc_reverse_ledger_entry(uuid, uuid, uuid, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rpc_reverse_ledger_entry(uuid, uuid, uuid, text, uuid)
TO loyalty_staff, loyalty_postgrest;
