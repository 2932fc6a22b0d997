//! One file a command.

pub(crate) mod app;
pub(crate) mod backups;
pub(crate) mod baseline;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod env;
pub(crate) mod gateway;
pub(crate) mod history;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod maintenance;
pub(crate) mod migrate;
pub(crate) mod migrations;
pub(crate) mod plan;
pub(crate) mod preserved;
pub(crate) mod rehearse;
pub(crate) mod release;
pub(crate) mod releases;
pub(crate) mod repair;
pub(crate) mod rollback;
pub(crate) mod status;
pub(crate) mod token;
