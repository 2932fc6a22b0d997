/* one; two */ CREATE /* ; */ TABLE t /* 'quote */ (a INT);
INSERT INTO t /* -- x
 ; */ VALUES (1);
