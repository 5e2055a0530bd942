-- Trigger of loyalty_ledger, once per INSERT: what the functions refuse is refused to a bare INSERT
-- too. The policies say who may post which reason, check_ledger_chain that an entry follows its
-- player's newest one; it fires first, so that balance_after can be relied on here. The worker's
-- own accruals have been computed by the function that posts them and pass without a look.
CREATE OR REPLACE FUNCTION check_ledger_rules() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    v_by_worker boolean := caller_has_role(ARRAY['service']);
    v_entries loyalty_ledger[] := ARRAY(
        SELECT ROW(n.*)::loyalty_ledger
        FROM new_entries AS n
        WHERE NOT (v_by_worker AND n.reason = 'base_accrual')
    );
    v_wrong record;
BEGIN
    IF cardinality(v_entries) = 0 THEN
        RETURN NULL;
    END IF;
    SELECT w.entry_id, w.refusal, w.detail INTO v_wrong
    FROM (
        SELECT p.entry_id, p.refusal, NULL AS detail FROM promotions_without_base(v_entries) AS p
        UNION ALL
        SELECT e.id, o.refusal, o.detail
        FROM unnest(v_entries) AS e
        CROSS JOIN LATERAL entry_objection(e, v_by_worker) AS o
        WHERE NOT (v_by_worker AND e.reason = 'promotion')
            AND (o.refusal IS NOT NULL OR o.detail IS NOT NULL)
    ) AS w
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF v_wrong.refusal IS NOT NULL THEN
        PERFORM refuse(v_wrong.refusal, format('entry %s', v_wrong.entry_id));
    END IF;
    RAISE EXCEPTION 'entry % breaks a rule of its reason: %', v_wrong.entry_id, v_wrong.detail
    USING ERRCODE = 'check_violation',
        TABLE = 'loyalty_ledger',
        CONSTRAINT = 'loyalty_ledger_keeps_rules',
        HINT = 'Post through the functions.';
END
$$;

REVOKE ALL ON FUNCTION check_ledger_rules() FROM PUBLIC;
