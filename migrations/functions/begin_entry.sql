-- How every request for one entry begins: lock the player's balance, then, in a statement of its
-- own that sees what the wait was for, look for the entry of the key. Returns it, or nulls and the
-- lock; then a balance row was created where the player had none.
-- Raises LOYALTY_IDEMPOTENCY_CONFLICT, LOYALTY_PLAYER_NOT_FOUND.
CREATE OR REPLACE FUNCTION begin_entry(
    p_casino_id uuid, p_player_id uuid, p_idempotency_key uuid, p_payload_hash bytea
) RETURNS loyalty_ledger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_created boolean;
    v_entry loyalty_ledger;
BEGIN
    IF p_player_id IS NULL THEN
        PERFORM entry_of_key(p_casino_id, p_idempotency_key, p_payload_hash);
        PERFORM refuse('LOYALTY_PLAYER_NOT_FOUND');
    END IF;
    v_created := EXISTS (
        SELECT FROM lock_player_balances(ARRAY[p_casino_id], ARRAY[p_player_id])
    );
    v_entry := entry_of_key(p_casino_id, p_idempotency_key, p_payload_hash);
    IF v_entry.id IS NOT NULL THEN
        IF v_created THEN
            DELETE FROM player_loyalty AS b
            WHERE b.casino_id = p_casino_id AND b.player_id = p_player_id;
        END IF;
        RETURN v_entry;
    END IF;

    -- The foreign key of the new row tells whether the player is known: nobody here may list
    -- players. It is deferred again, because accruals write the player after the balance.
    IF v_created THEN
        BEGIN
            SET CONSTRAINTS public.player_loyalty_player_id_fkey IMMEDIATE;
            SET CONSTRAINTS public.player_loyalty_player_id_fkey DEFERRED;
        EXCEPTION WHEN foreign_key_violation THEN
            PERFORM refuse('LOYALTY_PLAYER_NOT_FOUND');
        END;
    END IF;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION begin_entry(uuid, uuid, uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begin_entry(uuid, uuid, uuid, bytea)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
