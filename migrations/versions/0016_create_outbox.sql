-- Locks: none on existing tables.
--
-- Records that are to be published, written in the transaction that decided so. A row goes when the
-- broker has acknowledged it. headers: as in dead_letter.
CREATE TABLE outbox_record (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    key bytea,
    value bytea NOT NULL,
    headers jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX outbox_record_by_topic ON outbox_record (topic, id);

GRANT SELECT ON outbox_record TO loyalty_worker, loyalty_operator, loyalty_readonly;
GRANT INSERT (topic, key, value, headers) ON outbox_record TO loyalty_worker, loyalty_operator;
GRANT DELETE ON outbox_record TO loyalty_worker;
