CREATE TABLE t (a TEXT);
INSERT INTO t VALUES ('one;
-- two
/* three */ # four');
INSERT INTO t VALUES ('five');
