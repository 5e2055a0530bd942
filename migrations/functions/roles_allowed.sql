-- Who may do what: the matrix of roles. An action is a reason of the ledger, or approve_overdraw,
-- reconcile, read. 'service' and 'operator' are database roles and read by SELECT; the others
-- are roles of staff. A dealer may nothing, and neither may anybody an action unknown here.
CREATE OR REPLACE FUNCTION roles_allowed(p_action text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE p_action
        WHEN 'base_accrual' THEN ARRAY['service', 'pit_boss', 'admin']
        WHEN 'promotion' THEN ARRAY['service', 'pit_boss', 'admin']
        WHEN 'redeem' THEN ARRAY['pit_boss', 'cashier', 'admin']
        WHEN 'approve_overdraw' THEN ARRAY['pit_boss', 'admin']
        WHEN 'manual_reward' THEN ARRAY['pit_boss', 'admin']
        WHEN 'adjustment' THEN ARRAY['admin']
        WHEN 'reversal' THEN ARRAY['admin']
        WHEN 'reconcile' THEN ARRAY['admin', 'operator']
        WHEN 'read' THEN ARRAY['pit_boss', 'cashier', 'admin']
        ELSE ARRAY[]::text[]
    END
$$;

REVOKE ALL ON FUNCTION roles_allowed(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION roles_allowed(text)
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
