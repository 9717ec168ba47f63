SET LOCAL ROLE waystate_owner;
-- A cursor too many does not hurt the release before.
RESET ROLE;
