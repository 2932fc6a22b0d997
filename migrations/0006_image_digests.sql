-- The digest of each image, where CI registers one; a process that does not know of them yet registers none.

ALTER TABLE releases ADD COLUMN IF NOT EXISTS image_digests JSON NOT NULL DEFAULT '{}' AFTER images;
