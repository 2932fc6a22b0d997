# first; second
CREATE TABLE t (a INT); # third 'quote
INSERT INTO t VALUES (1#;
);
