-- # seed
CREATE TABLE `order` (`key` INT PRIMARY KEY, `group` VARCHAR(20), `select` INT);
INSERT INTO `order` VALUES (1, 'a', 1), (2, 'b', 2);
-- # up
ALTER TABLE `order` ADD COLUMN `from` VARCHAR(20) NULL, ADD COLUMN `we``ird name` INT NULL;
UPDATE `order` SET `group` = 'where' WHERE `key` = 1;
-- # write
UPDATE `order` SET `from` = 'table', `we``ird name` = 5 WHERE `key` = 2;
-- # down
UPDATE `order` SET `group` = 'a' WHERE `group` = 'where';
ALTER TABLE `order` DROP COLUMN `from`, DROP COLUMN `we``ird name`;
