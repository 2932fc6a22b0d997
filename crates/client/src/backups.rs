//! Backups of data stores.

use domain::ids::BackupId;
use domain::view::{BackupRequest, BackupView, BackupsView, JobView, RestoreRequest};
use serde::Serialize;

use crate::call::Call;
use crate::{Client, PageRequest, Result};

#[derive(Serialize)]
struct Query<'a> {
    store: Option<&'a str>,
    #[serde(flatten)]
    page: &'a PageRequest,
}

impl Client {
    /// Verified backups of an environment, or of one of its data stores, newest first.
    pub async fn list_backups(
        &self,
        application: &str,
        environment: &str,
        store: Option<&str>,
        page: &PageRequest,
    ) -> Result<BackupsView> {
        self.fetch_with(self.environment(application, environment, &["backups"]), &Query { store, page }).await
    }

    /// Backs data stores up anew.
    pub async fn start_backup(&self, application: &str, environment: &str, request: &BackupRequest) -> Result<JobView> {
        self.fetch(Call::post(self.environment(application, environment, &["backups"]), request)?).await
    }

    /// Restores a backup into a database of its own.
    pub async fn start_restore(
        &self,
        application: &str,
        environment: &str,
        id: BackupId,
        request: &RestoreRequest,
    ) -> Result<JobView> {
        let id = id.to_string();
        self.fetch(Call::post(self.environment(application, environment, &["backups", &id, "restores"]), request)?)
            .await
    }

    /// A verified backup.
    pub async fn get_backup(&self, application: &str, environment: &str, id: BackupId) -> Result<BackupView> {
        let id = id.to_string();
        self.fetch(Call::get(self.environment(application, environment, &["backups", &id]))).await
    }
}
