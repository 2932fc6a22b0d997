CREATE TABLE t (a VARCHAR(50));
INSERT INTO t VALUES ('a;b'), ("c;d"), ('e''; f'), ("g"";h"), ('i\'; j'), ('\\');
INSERT INTO t VALUES ('k');
