//! What is wrong with an environment's settings.

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Engine, EnvironmentSpec, is_name, name_rule};
use crate::reservation::field;

/// Places are reserved under a host's address, which is a key of the store.
const MAX_ADDRESS: usize = 255;

/// One mistake in an [`EnvironmentSpec`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where it is, e.g. `services[0].hosts[1]`.
    pub field: String,
    /// What is wrong with it; in an answer a text in the language of `Accept-Language`.
    #[schema(value_type = String)]
    pub message: Sentence,
}

impl FieldError {
    /// The mistakes in one line.
    pub fn together(mistakes: &[Self]) -> Sentence {
        let one = |mistake: &Self| sentence!("{field} {mistake}", field = mistake.field, mistake = mistake.message);
        sentence!("{all}", all = mistakes.iter().map(one).collect::<Vec<_>>())
    }
}

impl EnvironmentSpec {
    /// Everything that is wrong with the settings, all at once.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut wrong = |field: String, message: Sentence| {
            errors.push(FieldError { field, message });
        };
        for (index, host) in self.hosts.iter().enumerate() {
            if !is_name(&host.name) {
                wrong(format!("hosts[{index}].name"), name_rule());
            }
            if !(host.docker.starts_with("unix://") || host.docker.starts_with("tcp://")) {
                wrong(format!("hosts[{index}].docker"), sentence!("must begin with unix:// or tcp://"));
            }
            if host.docker.chars().count() > MAX_ADDRESS {
                wrong(format!("hosts[{index}].docker"), sentence!("is longer than 255 characters"));
            }
            if self.hosts[..index].iter().any(|other| other.name == host.name) {
                wrong(format!("hosts[{index}].name"), sentence!("is used twice"));
            }
        }
        for (index, service) in self.services.iter().enumerate() {
            let at = format!("services[{index}]");
            if !is_name(&service.name) {
                wrong(format!("{at}.name"), name_rule());
            }
            if !is_name(&service.container) {
                wrong(format!("{at}.container"), name_rule());
            }
            if service.hosts.is_empty() {
                wrong(format!("{at}.hosts"), sentence!("needs at least one host"));
            }
            for (nth, host) in service.hosts.iter().enumerate() {
                if self.host(host).is_none() {
                    wrong(format!("{at}.hosts[{nth}]"), sentence!("is not among the environment's hosts"));
                }
            }
            let places: Vec<_> = service.places().collect();
            for (nth, (colour, place)) in places.iter().enumerate() {
                if let Some(mistake) = place.mistake() {
                    wrong(format!("{at}.{}", field(*colour)), mistake);
                }
                if places[..nth].iter().any(|(_, other)| other == place) {
                    wrong(format!("{at}.{}", field(*colour)), sentence!("is used by another colour of the service"));
                }
            }
            for other in &self.services[..index] {
                if other.name == service.name {
                    wrong(format!("{at}.name"), sentence!("is used twice"));
                }
                let shares_host = other.hosts.iter().any(|host| service.hosts.contains(host));
                for (colour, place) in places.iter().filter(|_| shares_host) {
                    if other.places().any(|(_, used)| used == *place) {
                        wrong(
                            format!("{at}.{}", field(*colour)),
                            sentence!("is used by another service on the same host"),
                        );
                    }
                }
                if shares_host && other.container == service.container {
                    wrong(format!("{at}.container"), sentence!("is used by another service on the same host"));
                }
            }
        }
        for (index, store) in self.data_stores.iter().enumerate() {
            let at = format!("data_stores[{index}]");
            if !is_name(&store.name) {
                wrong(format!("{at}.name"), name_rule());
            }
            if self.data_stores[..index].iter().any(|other| other.name == store.name) {
                wrong(format!("{at}.name"), sentence!("is used twice"));
            }
            if store.engine != Engine::Redis && store.database.as_deref().unwrap_or_default().is_empty() {
                wrong(format!("{at}.database"), sentence!("is needed for this engine"));
            }
            for (nth, pattern) in store.flush.iter().enumerate() {
                if pattern.trim_matches('*').is_empty() {
                    wrong(format!("{at}.flush[{nth}]"), sentence!("would flush everything; name a prefix"));
                }
            }
        }
        if self.preserved.keep_days == Some(0) {
            wrong(
                "preserved.keep_days".to_owned(),
                sentence!("must be at least 1, or absent: then it is kept for ever"),
            );
        }
        if self.preserved.rows_per_second == Some(0) {
            let rule = sentence!("must be at least 1, or absent: then there is no limit");
            wrong("preserved.rows_per_second".to_owned(), rule);
        }
        if let Some(gateway) = &self.gateway {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            if !gateway.directory.starts_with('/') || !gateway.directory.chars().all(is_plain) {
                let rule = sentence!("must be an absolute path of letters, digits, '/', '.', '_' and '-'");
                wrong("gateway.directory".to_owned(), rule);
            }
            if !(gateway.url.starts_with("http://") || gateway.url.starts_with("https://")) {
                wrong("gateway.url".to_owned(), sentence!("must begin with http:// or https://"));
            }
        }
        for (index, probe) in self.probes.iter().enumerate() {
            if self.service(&probe.service).is_none() {
                wrong(format!("probes[{index}].service"), sentence!("is not among the environment's services"));
            }
            if !probe.path.starts_with('/') {
                wrong(format!("probes[{index}].path"), sentence!("must begin with /"));
            }
        }
        errors
    }
}
