SET LOCAL ROLE waystate_owner;
ALTER TABLE sink_cursors DROP COLUMN judged_by, DROP COLUMN judged_from;
ALTER TABLE tenants ADD COLUMN revised_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE routes DROP COLUMN revision;
ALTER TABLE tenants DROP COLUMN revision;
RESET ROLE;
