-- # seed
CREATE TABLE `größen` (`schlüssel` INT PRIMARY KEY, `länge` INT);
CREATE TABLE `订单` (`编号` INT PRIMARY KEY, `名称` VARCHAR(20));
INSERT INTO `größen` VALUES (1, 10), (2, 20);
INSERT INTO `订单` VALUES (1, '茶'), (2, '书');
-- # up
ALTER TABLE `größen` ADD COLUMN `höhe` INT NULL;
UPDATE `订单` SET `名称` = '绿茶' WHERE `编号` = 1;
-- # write
UPDATE `größen` SET `höhe` = 5 WHERE `schlüssel` = 2;
UPDATE `订单` SET `名称` = '乌龙茶' WHERE `编号` = 1;
-- # down
UPDATE `订单` SET `名称` = '茶' WHERE `编号` = 1;
ALTER TABLE `größen` DROP COLUMN `höhe`;
