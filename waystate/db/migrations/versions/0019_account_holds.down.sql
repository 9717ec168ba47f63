-- What belongs to another role is dropped by whoever owns the schema's objects or is above them.
DROP FUNCTION numbers_held();
SET LOCAL ROLE waystate_owner;
DROP TABLE account_holds;
RESET ROLE;
