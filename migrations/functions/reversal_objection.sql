-- What stands against an entry as a reversal: the name of a refusal, or that it is not the exact
-- opposite of what it reverses, on the same slip and visit. Nulls for nothing. (A second one meets a unique
-- index, one of an entry that is not there a foreign key.)
CREATE OR REPLACE FUNCTION reversal_objection(
    p_entry loyalty_ledger, OUT refusal text, OUT detail text
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_reversed loyalty_ledger;
BEGIN
    SELECT * INTO v_reversed
    FROM loyalty_ledger AS l
    WHERE l.casino_id = p_entry.casino_id AND l.id = p_entry.reversed_ledger_id;
    IF v_reversed.reason = 'reversal' THEN
        refusal := 'LOYALTY_NOT_REVERSIBLE';
    ELSIF (
        p_entry.player_id, p_entry.points_delta, p_entry.rating_slip_id, p_entry.visit_id
    ) IS DISTINCT FROM (
        v_reversed.player_id, -v_reversed.points_delta, v_reversed.rating_slip_id,
        v_reversed.visit_id
    )
    THEN
        detail := 'it is not the exact opposite of the entry it reverses';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION reversal_objection(loyalty_ledger) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reversal_objection(loyalty_ledger)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
