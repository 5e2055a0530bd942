-- Locks: SHARE ROW EXCLUSIVE on loyalty_ledger and audit_log for an instant.
--
-- Triggers and policies need their functions before functions/ is applied. These first bodies
-- refuse everything and show nothing: a database whose functions are missing stands still. The
-- files of the same name in functions/ replace them.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'functions/refuse_change.sql has not been applied';
END
$$;

CREATE FUNCTION check_ledger_chain() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'functions/check_ledger_chain.sql has not been applied';
END
$$;

CREATE FUNCTION service_scope() RETURNS uuid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT NULL::uuid[] $$;

REVOKE ALL ON FUNCTION refuse_change(), check_ledger_chain(), service_scope() FROM PUBLIC;

-- Statement triggers see what foreign keys do and TRUNCATE; row triggers see what logical
-- replication applies. ALWAYS: session_replication_role = replica does not switch them off.
CREATE TRIGGER loyalty_ledger_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON loyalty_ledger
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER loyalty_ledger_append_only_row
BEFORE UPDATE OR DELETE ON loyalty_ledger
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER loyalty_ledger_continues_chain
AFTER INSERT ON loyalty_ledger REFERENCING NEW TABLE AS new_entries
FOR EACH STATEMENT EXECUTE FUNCTION check_ledger_chain();

CREATE TRIGGER audit_log_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_log_append_only_row
BEFORE UPDATE OR DELETE ON audit_log
FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE loyalty_ledger ENABLE ALWAYS TRIGGER loyalty_ledger_append_only;
ALTER TABLE loyalty_ledger ENABLE ALWAYS TRIGGER loyalty_ledger_append_only_row;
ALTER TABLE loyalty_ledger ENABLE ALWAYS TRIGGER loyalty_ledger_continues_chain;
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_append_only;
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_append_only_row;
