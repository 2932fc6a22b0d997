CREATE TABLE delimiter_list (a VARCHAR(30));
INSERT INTO delimiter_list VALUES ('DELIMITER //'), ('
DELIMITER //
');
INSERT INTO delimiter_list VALUES ('b');
