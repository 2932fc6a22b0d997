//! Backups of data stores.

use chrono::{DateTime, Utc};
use domain::environment::{DataStore, Engine};
use domain::ids::BackupId;
use domain::view::{BackupView, BackupsView, RecoveryPoint};

use crate::error::named;
use crate::{Caller, Control, PageRequest, Result, permission};

impl Control {
    /// Verified backups of an environment, or of one of its data stores, newest first; and how far back each data store
    /// would fall if it were lost now.
    pub async fn list_backups(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        store: Option<&str>,
        page: PageRequest,
    ) -> Result<BackupsView> {
        caller.require(permission::READ)?;
        let cursor = page.cursor()?;
        let stored = self.environment(application, environment).await?;
        let page = self.database().backups(stored.id, store, &cursor).await?;
        let newest = self.database().newest_backups(stored.id).await?;
        let asked = stored.spec.data_stores.iter().filter(|known| store.is_none_or(|name| name == known.name));
        Ok(BackupsView {
            items: page.items,
            next_cursor: page.next_cursor,
            recovery_points: recovery_points(asked, &newest, Utc::now()),
        })
    }

    /// A verified backup.
    pub async fn get_backup(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        id: BackupId,
    ) -> Result<BackupView> {
        caller.require(permission::READ)?;
        let stored = self.environment(application, environment).await?;
        self.database().backup(stored.id, id).await.map_err(named("backup", &id.to_string()))
    }
}

/// Caches have none: nothing is kept of them.
fn recovery_points<'a>(
    stores: impl Iterator<Item = &'a DataStore>,
    newest: &[BackupView],
    now: DateTime<Utc>,
) -> Vec<RecoveryPoint> {
    stores
        .filter(|store| store.engine != Engine::Redis)
        .map(|store| {
            // One of another kind of server is no way back for this one.
            let backup = newest.iter().find(|backup| backup.store == store.name && backup.engine == store.engine);
            // The clock of the machine that made it may be ahead of this one's.
            let age = |backup: &BackupView| (now - backup.begun_at).num_seconds().try_into().unwrap_or(0);
            RecoveryPoint {
                store: store.name.clone(),
                engine: store.engine,
                backup: backup.map(|backup| backup.id),
                begun_at: backup.map(|backup| backup.begun_at),
                age_seconds: backup.map(age),
            }
        })
        .collect()
}
