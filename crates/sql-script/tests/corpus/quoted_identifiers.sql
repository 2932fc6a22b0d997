CREATE TABLE `a;b` (`c``d` INT, `-- e` INT, `/*f*/` INT);
INSERT INTO `a;b` VALUES (1, 2, 3);
