//! Whether the keys at hand are those that seal this database's secrets.

use sqlx::{MySqlConnection, Row};

use crate::database::Database;
use crate::error::{Error, Result};

impl Database {
    /// Fails with [`Error::OtherKeys`] where a key that this database was used with is not at hand or is another one.
    /// Keys that it has not seen yet are remembered.
    pub async fn check_keys(&self) -> Result<()> {
        let ours = self.keys().fingerprints();
        let mut transaction = self.begin().await?;
        for (id, fingerprint) in &ours {
            // Of two processes that bring different first keys, one finds the other's.
            sqlx::query(
                "INSERT INTO key_fingerprints (key_id, fingerprint, first_seen_at) VALUES (?, ?, UTC_TIMESTAMP(6))
                 ON DUPLICATE KEY UPDATE key_id = key_id",
            )
            .bind(id)
            .bind(fingerprint.as_slice())
            .execute(&mut *transaction)
            .await?;
        }
        // Keys that are refused are not remembered either: the transaction is given up.
        self.compare_keys(&mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// The same without remembering anything, for whoever only reads.
    pub async fn recognize_keys(&self) -> Result<()> {
        self.compare_keys(&mut *self.pool().acquire().await?).await
    }

    async fn compare_keys(&self, connection: &mut MySqlConnection) -> Result<()> {
        let ours = self.keys().fingerprints();
        let known = sqlx::query("SELECT key_id, fingerprint FROM key_fingerprints ORDER BY key_id");
        for row in &known.fetch_all(connection).await? {
            let (id, fingerprint): (String, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            match ours.iter().find(|(ours, _)| *ours == id) {
                Some((_, ours)) if ours.as_slice() == fingerprint => {}
                Some(_) => return Err(Error::OtherKeys { id, missing: false }),
                None => return Err(Error::OtherKeys { id, missing: true }),
            }
        }
        Ok(())
    }
}
