CREATE TABLE t (a INT);
/*!50003 SET @saved_sql_mode = @@sql_mode */ ;
/*!50003 SET sql_mode = 'STRICT_TRANS_TABLES' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50003 TRIGGER r BEFORE INSERT ON t FOR EACH ROW
BEGIN
  SET NEW.a = NEW.a * 2;
  SET @x = 1;
END */;;
DELIMITER ;
/*!50003 SET sql_mode = @saved_sql_mode */ ;
INSERT INTO t VALUES (4);
