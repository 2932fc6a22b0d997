//! Table `audit_log`, from v0.8.1 on.

use sqlx::MySqlConnection;

use crate::version::Release;

/// Writes a row within the caller's transaction; a release without the table writes nothing.
pub(crate) async fn write(
    release: Release,
    connection: &mut MySqlConnection,
    action: &str,
    subject: &str,
) -> Result<(), sqlx::Error> {
    if release.has_audit_log() {
        sqlx::query("INSERT INTO audit_log (action, subject) VALUES (?, ?)")
            .bind(action)
            .bind(subject)
            .execute(connection)
            .await?;
    }
    Ok(())
}
