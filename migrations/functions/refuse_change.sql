-- Trigger of the append-only tables: refuses whatever fires it, whoever does it.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'insufficient_privilege',
        TABLE = TG_TABLE_NAME,
        HINT = 'Put points right by a reversal or an adjustment: both are new entries.';
END
$$;

REVOKE ALL ON FUNCTION refuse_change() FROM PUBLIC;
