//! Our splitter against the `mariadb` client: the same scripts must leave the same schema and rows.

use std::io::Write;
use std::process::{Command, Stdio};

use driver_mariadb::fingerprint;
use testkit::shared_mariadb;
use url::Url;

use crate::{connect, database, run};

const CORPUS: &[&str] = &[
    "CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);\n",
    "-- a comment; with a delimiter\n# another; one\n/* and; a third */\nCREATE TABLE `a;b` (`c``;d` INT, e VARCHAR(20) DEFAULT ';') COMMENT 'it''s; \\'fine\\';';\n--no space;\nINSERT INTO `a;b` (e) VALUES ('x;y'), (\"a\"\"b;\"), ('\\\\');",
    "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END//\nCREATE FUNCTION f() RETURNS INT RETURN 3//\nDELIMITER ;\nCREATE TABLE t AS SELECT f() AS a;",
    "DELIMITER $$\nCREATE TABLE t (a INT, b INT)$$\nCREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN IF NEW.a > 1 THEN SET NEW.b = CASE WHEN NEW.a > 2 THEN 2 ELSE 1 END; ELSE SET NEW.b = 0; END IF; END$$\nINSERT INTO t (a) VALUES (1), (2), (3)$$\nDELIMITER ;\n",
    "/*!40101 SET NAMES utf8mb4 */;\n/*!50003 CREATE TABLE t (a INT) */;\n/*!80000 CREATE TABLE only_mysql (a INT) */;\nCREATE TABLE u (a INT /*!100301 INVISIBLE */, b INT);",
    "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\n\n/*!40101 SET NAMES utf8mb4 */;\nDELIMITER ;;\n/*!50003 CREATE*/ /*!50003 PROCEDURE p()\nBEGIN SELECT ';;' AS a; END */;;\nDELIMITER ;\nCREATE TABLE t (a INT);",
    "BEGIN;\nCREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);\nROLLBACK;\nSTART TRANSACTION;\nINSERT INTO t VALUES (2);\nROLLBACK;\n",
    "CREATE TABLE t (a INT);\n;;\nALTER TABLE t ADD COLUMN b INT, ADD COLUMN c ENUM('x;y', 'z'), ADD INDEX i (a);\nALTER TABLE t DROP COLUMN a;\n",
    "delimiter |\nCREATE EVENT e ON SCHEDULE EVERY 1 HOUR DO BEGIN DELETE FROM t; END|\ndelimiter ;\nCREATE TABLE t (a INT DEFAULT (5--2), b TEXT);\nINSERT INTO t (b) VALUES ('line 1\nDELIMITER //\nline 3; -- x');",
    "CREATE TABLE t (a INT); CREATE VIEW v AS SELECT a FROM t WHERE a <> 1 -- why; not\n AND a <> 2; CREATE TABLE u (a INT);",
    "CREATE TABLE `größe` (`naïve` INT) COMMENT='日本語;';\r\nINSERT INTO `größe` VALUES (1);\r\n",
    "DELIMITER //\nCREATE PROCEDURE p()\nBEGIN\n  DECLARE done INT DEFAULT 0;\n  DECLARE c CURSOR FOR SELECT 1;\n  DECLARE CONTINUE HANDLER FOR NOT FOUND BEGIN SET done = 1; END;\n  OPEN c;\n  l: LOOP FETCH c INTO done; IF done THEN LEAVE l; END IF; END LOOP l;\n  CLOSE c;\nEND //\nDELIMITER ;\n",
    "SET @x = 'a;b'; CREATE TABLE t AS SELECT @x AS a, 7 DIV 2 AS b, 1 /* ; */ + 1 AS c;",
];

fn with_client(database: &str, script: &str) {
    let url = Url::parse(&shared_mariadb().url(database)).unwrap();
    let mut client = Command::new("mariadb")
        .arg("--no-defaults")
        .arg(format!("--socket={}", shared_mariadb().socket().display()))
        .arg(format!("--user={}", url.username()))
        .arg(format!("--password={}", url.password().unwrap()))
        .args(["--default-character-set=utf8mb4", database])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(client.wait().unwrap().success(), "{script}");
}

#[tokio::test]
async fn scripts_do_the_same_as_with_the_client() {
    for script in CORPUS {
        let (ours, theirs) = (database("ours"), database("theirs"));
        let (mut a, mut b) = (connect(&ours).await, connect(&theirs).await);
        run(&mut a, script).await;
        with_client(theirs.database(), script);
        let (left, right) = (
            fingerprint(&mut a, ours.database()).await.unwrap(),
            fingerprint(&mut b, theirs.database()).await.unwrap(),
        );
        assert_eq!(left.diff(&right), [], "{script}");
        assert!(left.objects.len() > 1, "{script}");
        let tables = a.execute("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'").await.unwrap();
        for row in tables.result_sets.iter().flat_map(|set| &set.rows) {
            let select = format!("SELECT * FROM `{}`", row[0].as_ref().unwrap());
            assert_eq!(a.execute(&select).await.unwrap(), b.execute(&select).await.unwrap(), "{script}");
        }
    }
}
