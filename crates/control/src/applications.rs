//! Applications.

use domain::environment::{FieldError, is_name, name_rule};
use domain::limits::MAX_TEXT;
use domain::problem::ProblemType;
use domain::view::{ApplicationView, NewApplication, Page};
use sentence::sentence;

use crate::error::named;
use crate::{Caller, Control, Error, PageRequest, Result, permission};

impl Control {
    /// Makes an application known. The same name again answers `already-exists`.
    pub async fn create_application(&self, caller: &Caller, new: NewApplication) -> Result<ApplicationView> {
        caller.require(permission::APPLICATION_EDIT)?;
        let mut errors = Vec::new();
        if !is_name(&new.name) {
            errors.push(FieldError { field: "name".into(), message: name_rule() });
        }
        if new.description.len() > MAX_TEXT {
            let message = sentence!("is longer than {limit} bytes", limit = MAX_TEXT);
            errors.push(FieldError { field: "description".into(), message });
        }
        if !errors.is_empty() {
            return Err(Error::invalid_fields(errors));
        }
        self.database().insert_application(&caller.actor, &new).await.map_err(|error| {
            if error.is_taken("applications_name") {
                Error::new(
                    ProblemType::AlreadyExists,
                    sentence!("there is an application '{name}' already", name = new.name),
                )
                .with_command(format!("backout status --app {}", new.name))
            } else {
                error.into()
            }
        })
    }

    /// Applications by name.
    pub async fn list_applications(&self, caller: &Caller, page: PageRequest) -> Result<Page<ApplicationView>> {
        caller.require(permission::READ)?;
        Ok(self.database().applications(&page.cursor()?).await?)
    }

    /// The application of that name.
    pub async fn get_application(&self, caller: &Caller, name: &str) -> Result<ApplicationView> {
        caller.require(permission::READ)?;
        self.application(name).await
    }

    pub(crate) async fn application(&self, name: &str) -> Result<ApplicationView> {
        self.database().application(name).await.map_err(named("application", name))
    }
}
