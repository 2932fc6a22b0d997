CREATE TABLE 用户 (名称 VARCHAR(20) COMMENT '姓名；别名');
INSERT INTO 用户 VALUES ('回退；版本'), ('é;ü'), ('😀;');
