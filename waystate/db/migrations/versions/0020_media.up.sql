SET LOCAL ROLE waystate_owner;
-- A file's description; its bytes are in the object store, under `object_key`. `external_id`: WhatsApp's id of a customer's file.
-- `source_url`: where it is loaded from first. `sha256`: what it is said to be until it is stored, what it is from then on.
-- `due_at`: when it is fetched next, or again if whoever fetches it dies; `expires`: until when it can be had at its source.
CREATE TABLE media_files (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    direction text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    message_id uuid,
    phone_number_id text,
    external_id text CHECK (length(external_id) <= 200),
    source_url text CHECK (length(source_url) <= 4096),
    mime_type text,
    filename text CHECK (length(filename) <= 1024),
    size bigint CHECK (size >= 0),
    sha256 bytea CHECK (octet_length(sha256) = 32),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'stored', 'held', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz,
    error jsonb,
    object_key text,
    thumbnail_key text,
    created_at timestamptz NOT NULL,
    stored_at timestamptz,
    expires timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK ((state = 'waiting') = (due_at IS NOT NULL)),
    CHECK (state <> 'stored' OR (object_key IS NOT NULL AND size IS NOT NULL AND sha256 IS NOT NULL AND stored_at IS NOT NULL))
);
CREATE INDEX media_files_due ON media_files (tenant_id, direction, due_at) WHERE state = 'waiting';
CREATE INDEX media_files_of_message ON media_files (tenant_id, message_id) WHERE message_id IS NOT NULL;

-- What of them WhatsApp has under an id of its own, which is of one number and lives 30 days.
CREATE TABLE media_uploads (
    tenant_id text NOT NULL,
    media_id uuid NOT NULL,
    phone_number_id text NOT NULL,
    external_id text NOT NULL,
    uploaded_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, media_id, phone_number_id),
    FOREIGN KEY (tenant_id, media_id) REFERENCES media_files (tenant_id, id) ON DELETE CASCADE
);

-- Bytes of a tenant's stored files, added up where one is stored or goes: a sum over all of them would be read for each new one.
CREATE TABLE media_usage (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    bytes bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id)
);

ALTER TABLE media_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE media_files FORCE ROW LEVEL SECURITY;
ALTER TABLE media_uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE media_uploads FORCE ROW LEVEL SECURITY;
ALTER TABLE media_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE media_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON media_files
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
CREATE POLICY tenant_isolation ON media_uploads
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
CREATE POLICY tenant_isolation ON media_usage
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
CREATE POLICY sweep ON media_files FOR SELECT TO waystate_sweeper USING (true);
GRANT SELECT (tenant_id, direction, state, due_at) ON media_files TO waystate_sweeper;
GRANT SELECT, INSERT, UPDATE, DELETE ON media_files, media_uploads, media_usage TO waystate_app;

-- Tenants with files of a direction that are to be fetched by the moment, the longest due first.
CREATE FUNCTION media_due(direction text, moment timestamptz) RETURNS TABLE (tenant_id text, items bigint, oldest timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT f.tenant_id, count(*), min(f.due_at) FROM public.media_files f
    WHERE f.state = 'waiting' AND f.direction = $1 AND f.due_at <= $2
    GROUP BY f.tenant_id ORDER BY min(f.due_at)
$$;
REVOKE ALL ON FUNCTION media_due(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION media_due(text, timestamptz) TO waystate_work;

ALTER TABLE deliveries DROP CONSTRAINT deliveries_target_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_target_check
    CHECK (target IN ('whatsapp', 'whatsapp_mark', 'genesys', 'genesys_file', 'genesys_receipt'));
RESET ROLE;
GRANT CREATE ON SCHEMA public TO waystate_sweeper;
ALTER FUNCTION media_due(text, timestamptz) OWNER TO waystate_sweeper;
REVOKE CREATE ON SCHEMA public FROM waystate_sweeper;
