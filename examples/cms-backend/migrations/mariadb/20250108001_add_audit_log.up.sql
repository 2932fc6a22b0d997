-- Who did what; rows outlive the things they speak of, hence no foreign key.
CREATE TABLE audit_log (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    action VARCHAR(64) NOT NULL,
    subject VARCHAR(190) NOT NULL,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    KEY audit_log_subject (subject, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
