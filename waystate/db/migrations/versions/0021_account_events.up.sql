SET LOCAL ROLE waystate_owner;
-- What WhatsApp says of a business account, or of one number of it: by webhooks of other fields than messages, kept whole. `digest` is
-- the same for every copy of what was sent once; `at` is when it was so, the id tells when it was taken in.
CREATE TABLE account_events (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    business_account_id text,
    phone_number_id text,
    field text NOT NULL,
    event text,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    sentence text NOT NULL,
    value jsonb NOT NULL,
    at timestamptz NOT NULL,
    digest text NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, digest)
);

-- What is so of a number now, as WhatsApp said it last.
CREATE TABLE account_facts (
    tenant_id text NOT NULL,
    phone_number_id text NOT NULL,
    quality text,
    quality_at timestamptz,
    messaging_limit text,
    messaging_limit_at timestamptz,
    PRIMARY KEY (tenant_id, phone_number_id),
    FOREIGN KEY (tenant_id, phone_number_id) REFERENCES whatsapp_accounts (tenant_id, phone_number_id) ON DELETE CASCADE
);

-- What the business wrote last to a customer in WhatsApp's app on a phone, until the customer's next message tells an agent of it.
CREATE TABLE phone_replies (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    phone_number_id text NOT NULL,
    contact_id uuid NOT NULL,
    message_id uuid NOT NULL,
    text text NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, phone_number_id, contact_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX phone_replies_of_contact ON phone_replies (tenant_id, contact_id);

ALTER TABLE phone_replies ENABLE ROW LEVEL SECURITY;
ALTER TABLE phone_replies FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON phone_replies
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON phone_replies TO waystate_app;
-- What customers want of a number's marketing messages, as they told WhatsApp last. Who said nothing has no row.
CREATE TABLE preferences (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    phone_number_id text NOT NULL,
    contact_id uuid NOT NULL,
    marketing text NOT NULL CHECK (marketing IN ('opted_out', 'opted_in')),
    at timestamptz NOT NULL,
    told_by text NOT NULL CHECK (told_by IN ('webhook', 'error')),
    detail text,
    PRIMARY KEY (tenant_id, phone_number_id, contact_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX preferences_of_contact ON preferences (tenant_id, contact_id);

ALTER TABLE preferences ENABLE ROW LEVEL SECURITY;
ALTER TABLE preferences FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON preferences
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON preferences TO waystate_app;
ALTER TABLE account_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE account_events FORCE ROW LEVEL SECURITY;
ALTER TABLE account_facts ENABLE ROW LEVEL SECURITY;
ALTER TABLE account_facts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON account_events
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
CREATE POLICY tenant_isolation ON account_facts
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
GRANT SELECT, INSERT, DELETE ON account_events TO waystate_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON account_facts TO waystate_app;

-- `history`: of a message of before the number came that may still come as one, and is new then.
ALTER TABLE message_keys DROP CONSTRAINT message_keys_source_check;
ALTER TABLE message_keys ADD CONSTRAINT message_keys_source_check CHECK (source IN ('whatsapp', 'genesys', 'history'));

ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_pipeline_check;
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_pipeline_check
    CHECK (pipeline IN ('inbound', 'outbound', 'status', 'correlation', 'deliveries', 'templates', 'account', 'echoes',
        'history', 'address_book', 'preferences', 'calls'));
RESET ROLE;
