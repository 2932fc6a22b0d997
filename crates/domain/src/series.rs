//! Series of releases, and what all releases of one can run on.

use std::collections::BTreeMap;

use sentence::sentence;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::environment::FieldError;
use crate::limits::MAX_TEXT;
use crate::release::{SchemaRange, check_requirements};
use crate::version::series_key;

/// What holds for the releases of a series that do not say otherwise themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesRules {
    /// Server versions that they need, by engine, e.g. `{"mariadb": ">=10.6"}`.
    pub requires: BTreeMap<String, String>,
    /// Which schema heads their images run on, by data store.
    pub runs_on: BTreeMap<String, SchemaRange>,
    /// Which frontend versions go with them, for people, e.g. `v1.4 – v1.6`.
    pub frontend: String,
    /// Whether they break with the series before.
    pub breaking: bool,
    /// What else there is to know.
    pub notes: String,
}

impl SeriesRules {
    /// Everything that is wrong, all at once. `series` is the name under which they are to stand.
    pub fn validate(&self, series: &str) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if series_key(series).is_none() {
            let message = sentence!("'{series}' is no series; they are called v0.8.x", series);
            errors.push(FieldError { field: "series".into(), message });
        }
        errors.extend(check_requirements(&self.requires));
        for (store, range) in &self.runs_on {
            if let (Some(min), Some(max)) = (&range.min, &range.max)
                && min > max
            {
                let message = sentence!("min is newer than max");
                errors.push(FieldError { field: format!("runs_on.{store}"), message });
            }
        }
        for (field, text) in [("frontend", &self.frontend), ("notes", &self.notes)] {
            if text.len() > MAX_TEXT {
                let message = sentence!("is longer than {limit} bytes", limit = MAX_TEXT);
                errors.push(FieldError { field: field.into(), message });
            }
        }
        errors
    }

    /// What a release needs, with what it says itself first.
    #[must_use]
    pub fn requires_of(&self, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = self.requires.clone();
        all.extend(own.iter().map(|(engine, requirement)| (engine.clone(), requirement.clone())));
        all
    }

    /// Which heads of a data store a release's image runs on: what it says itself, or else its series.
    #[must_use]
    pub fn range_of(&self, store: &str, own: &SchemaRange) -> SchemaRange {
        if *own != SchemaRange::default() {
            return own.clone();
        }
        self.runs_on.get(store).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> SeriesRules {
        SeriesRules {
            requires: BTreeMap::from([("mariadb".into(), ">=10.6".into()), ("redis".into(), ">=7".into())]),
            runs_on: BTreeMap::from([("main".into(), SchemaRange { min: Some("1".into()), max: None })]),
            ..SeriesRules::default()
        }
    }

    #[test]
    fn what_a_release_says_itself_goes_before_its_series() {
        let own = BTreeMap::from([("mariadb".to_owned(), ">=11".to_owned())]);
        let all = rules().requires_of(&own);
        assert_eq!((all["mariadb"].as_str(), all["redis"].as_str()), (">=11", ">=7"));
        let bounded = SchemaRange { min: None, max: Some("9".into()) };
        assert_eq!(rules().range_of("main", &bounded), bounded);
        assert_eq!(rules().range_of("main", &SchemaRange::default()).min.as_deref(), Some("1"));
        assert_eq!(rules().range_of("content", &SchemaRange::default()), SchemaRange::default());
    }

    #[test]
    fn mistakes_are_told_with_their_fields() {
        let mut wrong = rules();
        wrong.requires.insert("mongodb".into(), "new".into());
        wrong.runs_on.insert("main".into(), SchemaRange { min: Some("2".into()), max: Some("1".into()) });
        let fields: Vec<String> = wrong.validate("0.8").into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["series", "requires.mongodb", "runs_on.main"]);
        assert_eq!(rules().validate("v0.8.x"), []);
    }
}
