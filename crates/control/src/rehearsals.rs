//! Rehearsals: a release's migrations are tried on a scratch database before they are needed.

use domain::environment::EnvironmentSpec;
use domain::ids::{ApplicationId, RehearsalId};
use domain::view::{Page, RehearsalRequest, RehearsalView};
use store::{Cursor, NewRehearsal, StoredEnvironment, StoredRelease};

use crate::error::named;
use crate::{Caller, Control, MAX_LIMIT, PageRequest, Result, permission};

impl Control {
    /// Asks for a rehearsal of a release; one of it that waits or runs already is that one.
    pub async fn request_rehearsal(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        request: RehearsalRequest,
    ) -> Result<RehearsalView> {
        caller.require(permission::REHEARSAL_REQUEST)?;
        let stored = self.environment(application, environment).await?;
        let release = self.release(stored.application_id, application, &request.release).await?;
        let id = self.database().request_rehearsal(&new(&stored, &release, &caller.actor)).await?;
        self.wake().rehearsal();
        Ok(self.database().rehearsal(stored.id, id).await?)
    }

    /// Rehearsals of an environment, or of one release there, newest first.
    pub async fn list_rehearsals(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        release: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<RehearsalView>> {
        caller.require(permission::READ)?;
        let cursor = page.cursor()?;
        let stored = self.environment(application, environment).await?;
        let release = match release {
            None => None,
            Some(version) => Some(self.release(stored.application_id, application, version).await?.id),
        };
        Ok(self.database().rehearsals(stored.id, release, &cursor).await?)
    }

    /// A rehearsal.
    pub async fn get_rehearsal(
        &self,
        caller: &Caller,
        application: &str,
        environment: &str,
        id: RehearsalId,
    ) -> Result<RehearsalView> {
        caller.require(permission::READ)?;
        let stored = self.environment(application, environment).await?;
        self.database().rehearsal(stored.id, id).await.map_err(named("rehearsal", &id.to_string()))
    }

    /// Asks for the first rehearsal of a registered release wherever the settings say so.
    pub(crate) async fn rehearse_registered(
        &self,
        actor: &str,
        application: ApplicationId,
        release: &StoredRelease,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.database().environments(application, &Cursor::new(after.as_deref(), MAX_LIMIT)?).await?;
            for environment in page.items.iter().filter(|one| wants(&one.spec, release)) {
                if self.database().request_first_rehearsal(&new(environment, release, actor)).await? {
                    self.wake().rehearsal();
                }
            }
            after = page.next_cursor;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// Whether a release that was registered is tried in an environment: where it would migrate something.
fn wants(spec: &EnvironmentSpec, release: &StoredRelease) -> bool {
    spec.rehearsal.on_registration
        && release.schema.iter().any(|(store, schema)| {
            !schema.migrations.is_empty() && spec.data_store(store).is_some_and(|known| known.engine == schema.engine)
        })
}

fn new<'a>(environment: &StoredEnvironment, release: &StoredRelease, actor: &'a str) -> NewRehearsal<'a> {
    NewRehearsal {
        id: RehearsalId::generate(),
        environment: environment.id,
        subject: format!("{}/{}", environment.application, environment.name),
        release: release.id,
        actor,
    }
}
