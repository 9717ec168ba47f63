SET LOCAL ROLE waystate_owner;
-- `id` names the merge, so that undoing an old one never undoes a later one of the same contact. `made_by`: a word for who it was
-- (`user:…`, `key:…`); null where a message proved it.
ALTER TABLE contact_merges ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(), ADD COLUMN made_by text;
CREATE UNIQUE INDEX contact_merges_id ON contact_merges (tenant_id, id);

-- By what customers may be the same, folded, as the sink that keeps the index saw it last. `is_shared`: another one has it too;
-- whoever looks for duplicates walks those alone.
CREATE TABLE contact_likeness (
    tenant_id text NOT NULL,
    contact_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('phone', 'email', 'username', 'name')),
    value text NOT NULL,
    is_shared boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, contact_id, kind, value),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_likeness_value ON contact_likeness (tenant_id, kind, value COLLATE "C") INCLUDE (contact_id);
CREATE INDEX contact_likeness_shared ON contact_likeness (tenant_id, kind, value COLLATE "C") WHERE is_shared;

ALTER TABLE contact_likeness ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_likeness FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON contact_likeness
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON contact_likeness TO waystate_app;

-- Everybody is looked at once more, so that they are compared. Forced row-level security would show the owner nobody: the tags of
-- who was there before 0029 were not written down for that.
ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE contact_tags NO FORCE ROW LEVEL SECURITY;
ALTER TABLE contact_index_wanted NO FORCE ROW LEVEL SECURITY;
INSERT INTO contact_index_wanted (tenant_id, contact_id) SELECT c.tenant_id, c.id FROM contacts c ON CONFLICT DO NOTHING;
INSERT INTO contact_tags (tenant_id, tag, contact_id)
    SELECT c.tenant_id, g.tag, c.id FROM contacts c CROSS JOIN LATERAL unnest(c.tags) AS g (tag) WHERE g.tag IS NOT NULL
    ON CONFLICT DO NOTHING;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
ALTER TABLE contact_tags FORCE ROW LEVEL SECURITY;
ALTER TABLE contact_index_wanted FORCE ROW LEVEL SECURITY;
RESET ROLE;
