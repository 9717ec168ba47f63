-- Roles stay: they belong to the cluster and other databases may use them (`waystate migrate --print-roles` names them).
DROP FUNCTION due_work(text, timestamptz);
DROP FUNCTION open_dead_letters();
DROP TABLE api_keys, dead_letters, delivery_attempts, deliveries, sink_cursors, events, early_statuses, message_events,
    message_keys, messages, conversations, contact_identities, contacts, whatsapp_accounts, genesys_integrations,
    timers, lease_members, leases, webhook_ledger, routes, meta_apps, tenants;
DROP SEQUENCE ledger_taken;
REVOKE ALL ON SCHEMA public FROM waystate_owner, waystate_ingest, waystate_app, waystate_work, waystate_sweeper;
