-- The backups of an environment, newest first, over all of its data stores.

ALTER TABLE backups ADD KEY IF NOT EXISTS backups_environment (environment_id, id);
