SET LOCAL ROLE waystate_owner;
-- The platform's cursor says it, and is made at the first start with a broker; here for those that had one before.
ALTER TABLE sink_cursors NO FORCE ROW LEVEL SECURITY;
INSERT INTO sink_cursors (tenant_id, sink, position)
SELECT DISTINCT 'platform', 'rabbitmq', coalesce((SELECT h.position FROM sink_cursors h
    WHERE h.tenant_id = 'platform' AND h.sink = 'head'), 0)
FROM sink_cursors WHERE sink = 'rabbitmq'
ON CONFLICT (tenant_id, sink) DO NOTHING;
ALTER TABLE sink_cursors FORCE ROW LEVEL SECURITY;
RESET ROLE;
