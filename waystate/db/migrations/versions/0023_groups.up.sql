SET LOCAL ROLE waystate_owner;
ALTER TABLE contact_identities DROP CONSTRAINT contact_identities_kind_check;
ALTER TABLE contact_identities ADD CONSTRAINT contact_identities_kind_check
    CHECK (kind IN ('wa_id', 'bsuid', 'parent_bsuid', 'group'));

-- What is so of a WhatsApp group, as WhatsApp said it last. The group is a contact; its conversations come and go.
CREATE TABLE groups (
    tenant_id text NOT NULL,
    contact_id uuid NOT NULL,
    group_id text NOT NULL,
    subject text,
    subject_at timestamptz,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'deleted')),
    state_at timestamptz,
    PRIMARY KEY (tenant_id, contact_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);

-- Who is in a group, or was. `told_at`: when the newest word of it was said; an older one changes nothing.
CREATE TABLE group_participants (
    tenant_id text NOT NULL,
    group_contact_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    role text NOT NULL DEFAULT 'member' CHECK (role IN ('member')),
    joined_at timestamptz,
    left_at timestamptz,
    told_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, group_contact_id, contact_id),
    FOREIGN KEY (tenant_id, group_contact_id) REFERENCES groups (tenant_id, contact_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX group_participants_of_contact ON group_participants (tenant_id, contact_id);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['groups', 'group_participants'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''))$p$, name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO waystate_app', name);
    END LOOP;
END $$;
RESET ROLE;
