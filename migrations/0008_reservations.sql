-- A port or a unix socket of a host belongs to one colour of one service.

CREATE TABLE IF NOT EXISTS reservations (
  docker VARCHAR(255) NOT NULL,
  -- `port 8080` or `socket /run/shop.sock`.
  place VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  environment_id BINARY(16) NOT NULL,
  service VARCHAR(63) NOT NULL,
  -- None is the container that runs where a service has no colours.
  colour VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL,
  PRIMARY KEY (docker, place),
  KEY reservations_environment (environment_id),
  CONSTRAINT reservations_environment FOREIGN KEY (environment_id) REFERENCES environments (id),
  CONSTRAINT reservations_colour CHECK (colour IN ('blue', 'green'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

BEGIN NOT ATOMIC
  IF EXISTS (SELECT 1 FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'port_reservations') THEN
    INSERT INTO reservations (docker, place, environment_id, service)
      SELECT docker, CONCAT('port ', port), environment_id, service FROM port_reservations
      ON DUPLICATE KEY UPDATE place = VALUES(place);
    DROP TABLE port_reservations;
  END IF;
END;
