SET LOCAL ROLE waystate_owner;
-- Null: nobody has said so yet.
ALTER TABLE directory ADD COLUMN lanes integer, ADD COLUMN delivery_lanes integer;
RESET ROLE;
