-- Locks: ACCESS EXCLUSIVE on each table of a casino for an instant, once running batches ended.
--
-- The staff side: gateways act for people, whose context every statement verifies anew. As in
-- 0006, the functions that policies and triggers need begin with bodies that admit nobody, so
-- nothing is posted from here until functions/ is applied: no version that takes long may follow.
--
-- In the order in which a batch locks its tables: whoever began before goes on to the end, and
-- whoever comes after waits at the first. In another order this and a batch wait for each other.
LOCK TABLE
    casino, player_loyalty, casino_settings, rating_slip, loyalty_ledger, player, staff, audit_log
IN ACCESS EXCLUSIVE MODE;

CREATE FUNCTION claimed_staff(OUT casino_id uuid, OUT actor_id uuid, OUT staff_role text)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT NULL::uuid, NULL::uuid, NULL::text $$;

CREATE FUNCTION staff_context(OUT casino_id uuid, OUT actor_id uuid, OUT staff_role text)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT NULL::uuid, NULL::uuid, NULL::text $$;

CREATE FUNCTION staff_casino(p_action text) RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT NULL::uuid $$;

CREATE FUNCTION postable_reasons() RETURNS loyalty_reason[]
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT NULL::loyalty_reason[] $$;

CREATE FUNCTION newest_entry(
    p_casino_id uuid, p_player_id uuid, OUT entry_no bigint, OUT balance_after bigint
)
LANGUAGE sql SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT NULL::bigint, NULL::bigint $$;

CREATE FUNCTION check_ledger_rules() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'functions/check_ledger_rules.sql has not been applied';
END
$$;

REVOKE ALL ON FUNCTION
    claimed_staff(), staff_context(), staff_casino(text), postable_reasons(),
    newest_entry(uuid, uuid), check_ledger_rules()
FROM PUBLIC;

CREATE TRIGGER loyalty_ledger_keeps_rules
AFTER INSERT ON loyalty_ledger REFERENCING NEW TABLE AS new_entries
FOR EACH STATEMENT EXECUTE FUNCTION check_ledger_rules();
ALTER TABLE loyalty_ledger ENABLE ALWAYS TRIGGER loyalty_ledger_keeps_rules;

-- No cap is null; a casino without a row of settings has the defaults. Earlier versions read the
-- caps nowhere.
-- squawk-ignore ban-drop-not-null
ALTER TABLE casino_settings ALTER COLUMN max_overdraw_points_per_redeem DROP NOT NULL;
-- squawk-ignore ban-drop-not-null
ALTER TABLE casino_settings ALTER COLUMN max_redeem_points_per_txn DROP NOT NULL;
CREATE OR REPLACE VIEW casino_rules WITH (security_invoker = true) AS
SELECT
    c.id AS casino_id,
    CASE WHEN s.casino_id IS NULL THEN 5000 ELSE s.max_overdraw_points_per_redeem END
        AS max_overdraw_points_per_redeem,
    CASE WHEN s.casino_id IS NULL THEN 20000 ELSE s.max_redeem_points_per_txn END
        AS max_redeem_points_per_txn,
    coalesce(s.accrual_enabled, true) AS accrual_enabled,
    coalesce(s.timezone, 'UTC') AS timezone,
    coalesce(s.gaming_day_start, time '06:00') AS gaming_day_start
FROM casino AS c
LEFT JOIN casino_settings AS s ON s.casino_id = c.id;

GRANT USAGE ON SCHEMA public TO loyalty_staff, loyalty_postgrest;

-- A person sees the own row of staff and no other. This policy must not look into staff, or it
-- would call itself without end: it compares with what is claimed, unverified.
GRANT SELECT ON staff TO loyalty_staff, loyalty_postgrest;
CREATE POLICY staff_sees_itself ON staff FOR SELECT TO loyalty_staff, loyalty_postgrest
USING (
    casino_id = (SELECT c.casino_id FROM claimed_staff() AS c)
    AND id = (SELECT c.actor_id FROM claimed_staff() AS c)
);

GRANT SELECT ON casino, casino_rules, casino_settings, loyalty_policy_version
TO loyalty_staff, loyalty_postgrest;
CREATE POLICY casino_staff_reads ON casino FOR SELECT TO loyalty_staff, loyalty_postgrest
USING (id = (SELECT staff_casino('read')));
CREATE POLICY casino_settings_staff_reads ON casino_settings FOR SELECT
TO loyalty_staff, loyalty_postgrest USING (casino_id = (SELECT staff_casino('read')));

-- Whoever may accrue writes the closed slip in the same transaction, and with it a player whom
-- nobody knew. The facts hash is the ledger's to compute.
GRANT INSERT ON player TO loyalty_staff, loyalty_postgrest;
CREATE POLICY player_staff_adds ON player FOR INSERT TO loyalty_staff, loyalty_postgrest
WITH CHECK ((SELECT staff_casino('base_accrual')) IS NOT NULL);
GRANT SELECT, INSERT, UPDATE ON rating_slip TO loyalty_staff, loyalty_postgrest;
CREATE POLICY rating_slip_staff_reads ON rating_slip FOR SELECT
TO loyalty_staff, loyalty_postgrest USING (casino_id = (SELECT staff_casino('read')));
CREATE POLICY rating_slip_staff_adds ON rating_slip FOR INSERT TO loyalty_staff, loyalty_postgrest
WITH CHECK (casino_id = (SELECT staff_casino('base_accrual')) AND facts_hash IS NULL);
CREATE POLICY rating_slip_staff_closes ON rating_slip FOR UPDATE TO loyalty_staff, loyalty_postgrest
USING (status = 'open' AND casino_id = (SELECT staff_casino('base_accrual')))
WITH CHECK (
    status = 'closed' AND facts_hash IS NULL
    AND casino_id = (SELECT staff_casino('base_accrual'))
);

-- Entries: what the role may post, in the own name. created_at is the database's to say.
GRANT SELECT ON loyalty_ledger TO loyalty_staff, loyalty_postgrest;
GRANT INSERT (
    casino_id, id, player_id, entry_no, points_delta, balance_after, reason, rating_slip_id,
    visit_id, staff_id, campaign_id, reversed_ledger_id, source_kind, source_id, idempotency_key,
    payload_hash, note, metadata, gaming_day, occurred_at
) ON loyalty_ledger TO loyalty_staff, loyalty_postgrest;
CREATE POLICY loyalty_ledger_staff_reads ON loyalty_ledger FOR SELECT
TO loyalty_staff, loyalty_postgrest USING (casino_id = (SELECT staff_casino('read')));
CREATE POLICY loyalty_ledger_staff_posts ON loyalty_ledger FOR INSERT
TO loyalty_staff, loyalty_postgrest
WITH CHECK (
    casino_id = (SELECT c.casino_id FROM staff_context() AS c)
    AND staff_id = (SELECT c.actor_id FROM staff_context() AS c)
    AND reason = ANY ((SELECT postable_reasons())::loyalty_reason[])
);

-- A tier is neither theirs to give nor, by removing the row, to take.
GRANT SELECT, DELETE ON player_loyalty TO loyalty_staff, loyalty_postgrest;
GRANT INSERT (casino_id, player_id, current_balance, entry_count) ON player_loyalty
TO loyalty_staff, loyalty_postgrest;
GRANT UPDATE (current_balance, entry_count, updated_at) ON player_loyalty
TO loyalty_staff, loyalty_postgrest;
CREATE POLICY player_loyalty_staff_reads ON player_loyalty FOR SELECT
TO loyalty_staff, loyalty_postgrest USING (casino_id = (SELECT staff_casino('read')));
CREATE POLICY player_loyalty_staff_adds ON player_loyalty FOR INSERT
TO loyalty_staff, loyalty_postgrest WITH CHECK (casino_id = (SELECT staff_casino('redeem')));
CREATE POLICY player_loyalty_staff_moves ON player_loyalty FOR UPDATE
TO loyalty_staff, loyalty_postgrest USING (casino_id = (SELECT staff_casino('redeem')));
CREATE POLICY player_loyalty_staff_removes_unused ON player_loyalty FOR DELETE
TO loyalty_staff, loyalty_postgrest
USING (
    entry_count = 0 AND current_balance = 0 AND tier IS NULL
    AND casino_id = (SELECT staff_casino('redeem'))
);

-- An administrator's reconciliation is audited in the own name.
GRANT INSERT (casino_id, domain, action, actor_id, actor_name, correlation_id, details)
ON audit_log TO loyalty_staff, loyalty_postgrest;
CREATE POLICY audit_log_staff_adds ON audit_log FOR INSERT TO loyalty_staff, loyalty_postgrest
WITH CHECK (
    casino_id = (SELECT staff_casino('reconcile'))
    AND actor_id = (SELECT c.actor_id FROM staff_context() AS c)
);

-- An operator's acts are audited in no person's name. When is the database's to say.
REVOKE INSERT ON audit_log FROM loyalty_operator;
GRANT INSERT (casino_id, domain, action, actor_id, actor_name, correlation_id, details)
ON audit_log TO loyalty_operator;
ALTER POLICY audit_log_operator_adds ON audit_log WITH CHECK (
    actor_id IS NULL
    AND (casino_id IS NULL OR casino_id = ANY ((SELECT service_scope())::uuid[]))
);

-- An operator repairs balances to what the newest entry says, and to nothing else.
GRANT INSERT ON player_loyalty TO loyalty_operator;
GRANT UPDATE (current_balance, entry_count, updated_at) ON player_loyalty TO loyalty_operator;
CREATE POLICY player_loyalty_operator_adds ON player_loyalty FOR INSERT TO loyalty_operator
WITH CHECK (
    current_balance = 0 AND entry_count = 0
    AND casino_id = ANY ((SELECT service_scope())::uuid[])
);
CREATE POLICY player_loyalty_operator_repairs ON player_loyalty FOR UPDATE TO loyalty_operator
USING (casino_id = ANY ((SELECT service_scope())::uuid[]))
WITH CHECK (
    casino_id = ANY ((SELECT service_scope())::uuid[])
    AND (current_balance, entry_count) = (
        SELECT n.balance_after, n.entry_no FROM newest_entry(casino_id, player_id) AS n
    )
);

-- Settings are an operator's to change.
GRANT UPDATE ON casino_settings TO loyalty_operator;
CREATE POLICY casino_settings_operator_changes ON casino_settings FOR UPDATE TO loyalty_operator
USING (casino_id = ANY ((SELECT service_scope())::uuid[]));
