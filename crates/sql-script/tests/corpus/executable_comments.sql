CREATE TABLE t (a INT /*! , b INT */ /*!50000 , c INT */ /*M! , d INT */ /*M!100600 , e INT */ /*!999999 , f INT */);
INSERT INTO t (a) VALUES (1 /*! + 1 */);
/*! INSERT INTO t (a) VALUES (3) */;
