//! Who asks, and what they may do.

use domain::ids::TokenId;
use domain::problem::ProblemType;
use sentence::sentence;

use crate::IdempotencyKey;
use crate::error::{Error, Result};

/// What a token may be allowed to do.
pub mod permission {
    /// Read everything but secrets.
    pub const READ: &str = "read";
    /// See rows and documents of data stores: samples of what a rollback takes away, and what was put aside.
    pub const DATA_READ: &str = "data.read";
    /// Make and edit applications.
    pub const APPLICATION_EDIT: &str = "application.edit";
    /// Make and edit environments.
    pub const ENVIRONMENT_EDIT: &str = "environment.edit";
    /// Register releases.
    pub const RELEASE_REGISTER: &str = "release.register";
    /// Deploy.
    pub const DEPLOYMENT_START: &str = "deployment.start";
    /// Roll back; it does not need the right to edit or to deploy.
    pub const ROLLBACK_REQUEST: &str = "rollback.request";
    /// Cancel jobs and decide on stuck ones.
    pub const JOB_CONTROL: &str = "job.control";
    /// Switch the maintenance page.
    pub const MAINTENANCE: &str = "maintenance.switch";
    /// Say what holds for ledgers and schemas that were changed by hand: baseline and repair.
    pub const LEDGER_CORRECT: &str = "ledger.correct";
    /// Back data stores up.
    pub const BACKUP_START: &str = "backup.start";
    /// Restore backups into databases of their own.
    pub const BACKUP_RESTORE: &str = "backup.restore";
    /// Drop data that was put aside, for good.
    pub const PRESERVED_DROP: &str = "preserved.drop";
    /// Have a release's migrations tried on a scratch database.
    pub const REHEARSAL_REQUEST: &str = "rehearsal.request";
    /// Make and revoke tokens.
    pub const TOKEN_EDIT: &str = "token.edit";
    /// Everything.
    pub const ALL: &str = "*";
    /// Every single permission.
    pub const EACH: [&str; 15] = [
        READ,
        DATA_READ,
        APPLICATION_EDIT,
        ENVIRONMENT_EDIT,
        RELEASE_REGISTER,
        DEPLOYMENT_START,
        ROLLBACK_REQUEST,
        JOB_CONTROL,
        MAINTENANCE,
        LEDGER_CORRECT,
        BACKUP_START,
        BACKUP_RESTORE,
        PRESERVED_DROP,
        REHEARSAL_REQUEST,
        TOKEN_EDIT,
    ];
}

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The token that was presented.
    pub token: TokenId,
    /// Its name; the actor in histories and in the audit log.
    pub actor: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// The key that the request reserved, if it came with one; a job that it starts is written under it.
    pub key: Option<IdempotencyKey>,
}

impl Caller {
    /// Fails unless the caller has the permission.
    pub fn require(&self, permission: &str) -> Result<()> {
        if self.permissions.iter().any(|granted| granted == permission || granted == permission::ALL) {
            return Ok(());
        }
        Err(Error::new(
            ProblemType::Forbidden,
            sentence!("token '{actor}' lacks the permission '{permission}'", actor = self.actor, permission),
        )
        .with_command(format!("backout token create NAME --permission {permission}")))
    }
}
