SET LOCAL ROLE waystate_owner;
DROP TABLE former_accounts;
RESET ROLE;
