SET LOCAL ROLE waystate_owner;
DROP INDEX conversations_number;
RESET ROLE;
