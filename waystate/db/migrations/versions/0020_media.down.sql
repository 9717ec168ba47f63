-- What belongs to another role is dropped by whoever owns the schema's objects or is above them.
DROP FUNCTION media_due(text, timestamptz);
SET LOCAL ROLE waystate_owner;
DROP TABLE media_usage;
DROP TABLE media_uploads;
DROP TABLE media_files;
RESET ROLE;
