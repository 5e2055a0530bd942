-- Locks: ACCESS EXCLUSIVE on each table of a casino for an instant.
--
-- Row-level security is forced: the owner too sees nothing without a policy. A migration that
-- changes rows switches FORCE off and on again around its statements; backups use a login with
-- BYPASSRLS. Worker and operator see the casinos of their transaction (set_service_context);
-- the sub-select is evaluated once per statement. The staff side has no policy yet.
ALTER TABLE casino ENABLE ROW LEVEL SECURITY;
ALTER TABLE casino FORCE ROW LEVEL SECURITY;
ALTER TABLE staff ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff FORCE ROW LEVEL SECURITY;
ALTER TABLE casino_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE casino_settings FORCE ROW LEVEL SECURITY;
ALTER TABLE player ENABLE ROW LEVEL SECURITY;
ALTER TABLE player FORCE ROW LEVEL SECURITY;
ALTER TABLE rating_slip ENABLE ROW LEVEL SECURITY;
ALTER TABLE rating_slip FORCE ROW LEVEL SECURITY;
ALTER TABLE loyalty_ledger ENABLE ROW LEVEL SECURITY;
ALTER TABLE loyalty_ledger FORCE ROW LEVEL SECURITY;
ALTER TABLE player_loyalty ENABLE ROW LEVEL SECURITY;
ALTER TABLE player_loyalty FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;

-- Casinos: the list is known to every service; only an operator adds to it.
GRANT SELECT ON casino, casino_rules, loyalty_policy_version
TO loyalty_worker, loyalty_operator, loyalty_readonly;
GRANT INSERT ON casino TO loyalty_operator;
CREATE POLICY casino_read ON casino FOR SELECT
TO loyalty_worker, loyalty_operator, loyalty_readonly USING (true);
CREATE POLICY casino_operator_adds ON casino FOR INSERT TO loyalty_operator
WITH CHECK (id = ANY ((SELECT service_scope())::uuid[]));

GRANT SELECT ON casino_settings TO loyalty_worker, loyalty_operator, loyalty_readonly;
GRANT INSERT ON casino_settings TO loyalty_operator;
CREATE POLICY casino_settings_service_reads ON casino_settings FOR SELECT
TO loyalty_worker, loyalty_operator USING (casino_id = ANY ((SELECT service_scope())::uuid[]));
CREATE POLICY casino_settings_operator_adds ON casino_settings FOR INSERT TO loyalty_operator
WITH CHECK (casino_id = ANY ((SELECT service_scope())::uuid[]));
CREATE POLICY casino_settings_readonly_reads ON casino_settings FOR SELECT
TO loyalty_readonly USING (true);

GRANT SELECT ON staff TO loyalty_readonly;
CREATE POLICY staff_readonly_reads ON staff FOR SELECT TO loyalty_readonly USING (true);

-- A player belongs to no casino. The worker makes players known and cannot list them.
GRANT INSERT ON player TO loyalty_worker;
GRANT SELECT ON player TO loyalty_readonly;
CREATE POLICY player_worker_adds ON player FOR INSERT TO loyalty_worker WITH CHECK (true);
CREATE POLICY player_readonly_reads ON player FOR SELECT TO loyalty_readonly USING (true);

-- Slips: the first closed facts win. Only an open slip can be changed, and only by closing it.
GRANT SELECT ON rating_slip TO loyalty_worker, loyalty_operator, loyalty_readonly;
GRANT INSERT, UPDATE ON rating_slip TO loyalty_worker;
CREATE POLICY rating_slip_service_reads ON rating_slip FOR SELECT
TO loyalty_worker, loyalty_operator USING (casino_id = ANY ((SELECT service_scope())::uuid[]));
CREATE POLICY rating_slip_worker_adds ON rating_slip FOR INSERT TO loyalty_worker
WITH CHECK (casino_id = ANY ((SELECT service_scope())::uuid[]));
CREATE POLICY rating_slip_worker_closes ON rating_slip FOR UPDATE TO loyalty_worker
USING (status = 'open' AND casino_id = ANY ((SELECT service_scope())::uuid[]))
WITH CHECK (status = 'closed' AND casino_id = ANY ((SELECT service_scope())::uuid[]));
CREATE POLICY rating_slip_readonly_reads ON rating_slip FOR SELECT
TO loyalty_readonly USING (true);

-- Entries: the service posts accruals and promotions, nothing else.
GRANT SELECT ON loyalty_ledger TO loyalty_worker, loyalty_operator, loyalty_readonly;
GRANT INSERT ON loyalty_ledger TO loyalty_worker;
CREATE POLICY loyalty_ledger_service_reads ON loyalty_ledger FOR SELECT
TO loyalty_worker, loyalty_operator USING (casino_id = ANY ((SELECT service_scope())::uuid[]));
CREATE POLICY loyalty_ledger_worker_posts ON loyalty_ledger FOR INSERT TO loyalty_worker
WITH CHECK (
    reason IN ('base_accrual', 'promotion')
    AND casino_id = ANY ((SELECT service_scope())::uuid[])
);
CREATE POLICY loyalty_ledger_readonly_reads ON loyalty_ledger FOR SELECT
TO loyalty_readonly USING (true);

-- Balances: a row that was created only to be locked may go again.
GRANT SELECT ON player_loyalty TO loyalty_worker, loyalty_operator, loyalty_readonly;
GRANT INSERT, DELETE ON player_loyalty TO loyalty_worker;
GRANT UPDATE (current_balance, entry_count, updated_at) ON player_loyalty TO loyalty_worker;
CREATE POLICY player_loyalty_service_reads ON player_loyalty FOR SELECT
TO loyalty_worker, loyalty_operator USING (casino_id = ANY ((SELECT service_scope())::uuid[]));
CREATE POLICY player_loyalty_worker_adds ON player_loyalty FOR INSERT TO loyalty_worker
WITH CHECK (casino_id = ANY ((SELECT service_scope())::uuid[]));
CREATE POLICY player_loyalty_worker_moves ON player_loyalty FOR UPDATE TO loyalty_worker
USING (casino_id = ANY ((SELECT service_scope())::uuid[]));
CREATE POLICY player_loyalty_worker_removes_unused ON player_loyalty FOR DELETE TO loyalty_worker
USING (
    entry_count = 0 AND current_balance = 0
    AND casino_id = ANY ((SELECT service_scope())::uuid[])
);
CREATE POLICY player_loyalty_readonly_reads ON player_loyalty FOR SELECT
TO loyalty_readonly USING (true);

-- Audit: an operator's acts, in the casinos of the scope or in none.
GRANT SELECT ON audit_log TO loyalty_operator, loyalty_readonly;
GRANT INSERT ON audit_log TO loyalty_operator;
CREATE POLICY audit_log_operator_reads ON audit_log FOR SELECT TO loyalty_operator
USING (casino_id IS NULL OR casino_id = ANY ((SELECT service_scope())::uuid[]));
CREATE POLICY audit_log_operator_adds ON audit_log FOR INSERT TO loyalty_operator
WITH CHECK (casino_id IS NULL OR casino_id = ANY ((SELECT service_scope())::uuid[]));
CREATE POLICY audit_log_readonly_reads ON audit_log FOR SELECT TO loyalty_readonly USING (true);

-- Operational tables belong to no casino: services see them whole, gateways not at all.
GRANT SELECT ON consumer_progress, dead_letter
TO loyalty_worker, loyalty_operator, loyalty_readonly;
GRANT INSERT, UPDATE ON consumer_progress TO loyalty_worker;
GRANT INSERT ON dead_letter TO loyalty_worker;
GRANT UPDATE (reason, detail, sqlstate, status, attempts, last_attempt_at, closed_at)
ON dead_letter TO loyalty_worker;
