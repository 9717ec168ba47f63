SET LOCAL ROLE waystate_owner;
ALTER TABLE directory DROP COLUMN lanes, DROP COLUMN delivery_lanes;
RESET ROLE;
