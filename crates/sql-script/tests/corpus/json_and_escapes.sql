CREATE TABLE t (j JSON);
INSERT INTO t VALUES ('{"a": "x;\\n", "b": [1, 2]}'), ('"\\""');
