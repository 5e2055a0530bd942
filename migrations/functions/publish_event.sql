-- Puts a structured CloudEvent into the outbox; a null key for none.
CREATE OR REPLACE FUNCTION publish_event(
    p_topic text,
    p_key text,
    p_source text,
    p_id text,
    p_type text,
    p_time timestamptz,
    p_data json
) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO outbox_record (topic, key, value, headers)
    VALUES (
        p_topic,
        convert_to(p_key, 'UTF8'),
        convert_to(json_build_object(
            'specversion', '1.0', 'id', p_id, 'source', p_source, 'type', p_type,
            'time', rfc3339_time(p_time), 'datacontenttype', 'application/json', 'data', p_data
        )::text, 'UTF8'),
        jsonb_build_array(jsonb_build_array(
            encode('content-type', 'base64'),
            encode('application/cloudevents+json; charset=UTF-8', 'base64')
        ))
    )
$$;

REVOKE ALL ON FUNCTION publish_event(text, text, text, text, text, timestamptz, json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION publish_event(text, text, text, text, text, timestamptz, json)
TO loyalty_worker, loyalty_operator;
