CREATE TABLE t (a VARBINARY(20), b BIT(4), c VARCHAR(9));
INSERT INTO t VALUES (x'3b', b'101', N'n;'), (0x3b3b, 0b11, _utf8mb4'u;'), (X'', b'0', _latin1'l');
