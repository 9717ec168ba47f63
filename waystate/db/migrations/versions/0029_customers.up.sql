SET LOCAL ROLE waystate_owner;
-- `edited_at`: when somebody changed what may be edited; a message changes it not. `is_named_by_hand`: the name stays, whatever
-- WhatsApp calls them.
ALTER TABLE contacts ADD COLUMN language text, ADD COLUMN username text, ADD COLUMN edited_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN is_named_by_hand boolean NOT NULL DEFAULT false;

-- A contact's tags once more, as rows: under row-level security no index of an array is used.
CREATE TABLE contact_tags (
    tenant_id text NOT NULL,
    tag text NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, tag, contact_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_tags_of_contact ON contact_tags (tenant_id, contact_id);

-- What customers are found and sorted by, at most a second or two behind them. `words` are folded (waystate/customers/words.py).
CREATE TABLE contact_index (
    tenant_id text NOT NULL,
    contact_id uuid NOT NULL,
    name text NOT NULL,
    words tsvector NOT NULL,
    created_at timestamptz NOT NULL,
    last_activity_at timestamptz NOT NULL,
    last_message_at timestamptz,
    message_count bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, contact_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_index_name ON contact_index (tenant_id, name COLLATE "C", contact_id);
CREATE INDEX contact_index_created ON contact_index (tenant_id, created_at, contact_id);
CREATE INDEX contact_index_activity ON contact_index (tenant_id, last_activity_at, contact_id);
CREATE INDEX contact_index_messages ON contact_index (tenant_id, message_count, contact_id);
CREATE INDEX contact_index_words ON contact_index USING gin ((ARRAY[tenant_id]), words);

-- Customers of whom no event tells that they are there, or that they said more: imports, samples, history.
CREATE TABLE contact_index_wanted (
    tenant_id text NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, contact_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['contact_tags', 'contact_index', 'contact_index_wanted'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''))$p$, name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO waystate_app', name);
    END LOOP;
END $$;
CREATE POLICY sweep ON contact_index FOR SELECT TO waystate_sweeper USING (true);
GRANT SELECT (tenant_id, contact_id, words) ON contact_index TO waystate_sweeper;
CREATE POLICY sweep ON contact_index_wanted FOR SELECT TO waystate_sweeper USING (true);
GRANT SELECT (tenant_id) ON contact_index_wanted TO waystate_sweeper;

-- Whoever writes tags: an import, a merge, a person.
CREATE FUNCTION keep_contact_tags() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM public.contact_tags t
            WHERE t.tenant_id = NEW.tenant_id AND t.contact_id = NEW.id AND t.tag <> ALL(NEW.tags);
    END IF;
    INSERT INTO public.contact_tags (tenant_id, tag, contact_id)
        SELECT NEW.tenant_id, g.tag, NEW.id FROM (SELECT DISTINCT unnest(NEW.tags) AS tag) AS g WHERE g.tag IS NOT NULL
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
INSERT INTO contact_tags (tenant_id, tag, contact_id)
    SELECT DISTINCT c.tenant_id, g.tag, c.id FROM contacts c CROSS JOIN LATERAL unnest(c.tags) AS g (tag) WHERE g.tag IS NOT NULL;
CREATE TRIGGER contact_tags_of_new AFTER INSERT ON contacts
    FOR EACH ROW WHEN (NEW.tags <> '{}') EXECUTE FUNCTION keep_contact_tags();
CREATE TRIGGER contact_tags_of_changed AFTER UPDATE OF tags ON contacts
    FOR EACH ROW WHEN (NEW.tags IS DISTINCT FROM OLD.tags) EXECUTE FUNCTION keep_contact_tags();

-- Of the tenant that is set, the customers whose words fit: `@@` is not leakproof, so under row-level security no index serves it.
CREATE FUNCTION find_contacts_by_words(wanted text, most int) RETURNS TABLE (contact_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT i.contact_id FROM public.contact_index i
    WHERE ARRAY[i.tenant_id] @> ARRAY[nullif(current_setting('app.tenant_id', true), '')] AND i.words @@ wanted::tsquery
    LIMIT most
$$;
REVOKE ALL ON FUNCTION find_contacts_by_words(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_contacts_by_words(text, int) TO waystate_app;

-- Tenants whose contacts are not all in the index yet: those with events since, and those of whom more is wanted.
CREATE FUNCTION contact_index_due() RETURNS TABLE (tenant_id text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT h.tenant_id FROM public.sink_cursors h
    LEFT JOIN public.sink_cursors c ON c.tenant_id = h.tenant_id AND c.sink = 'customers'
    WHERE h.sink = 'head' AND (c.position IS NULL OR c.position < h.position)
    UNION SELECT w.tenant_id FROM public.contact_index_wanted w
$$;
REVOKE ALL ON FUNCTION contact_index_due() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contact_index_due() TO waystate_work;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO waystate_sweeper;
ALTER FUNCTION find_contacts_by_words(text, int) OWNER TO waystate_sweeper;
ALTER FUNCTION contact_index_due() OWNER TO waystate_sweeper;
REVOKE CREATE ON SCHEMA public FROM waystate_sweeper;
