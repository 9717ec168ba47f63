SET LOCAL ROLE waystate_owner;
-- The directory's revision when the tenant's configuration was changed last, and when a route was made.
ALTER TABLE tenants ADD COLUMN revision bigint NOT NULL DEFAULT 0;
ALTER TABLE routes ADD COLUMN revision bigint NOT NULL DEFAULT 0;
UPDATE tenants SET revision = d.revision FROM directory d;
ALTER TABLE tenants DROP COLUMN revised_at;

-- What a sink passed behind the position `judged_from`, it judged by the tenant's revision `judged_by`. Null: nobody can tell.
ALTER TABLE sink_cursors ADD COLUMN judged_by bigint, ADD COLUMN judged_from bigint,
    ADD CHECK ((judged_by IS NULL) = (judged_from IS NULL));
RESET ROLE;
