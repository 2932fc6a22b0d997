//! The three releases this one program can be, and the rules about the schema each of them runs on.

use std::{fmt, str::FromStr};

/// A release of the example; chosen by `CMS_VERSION`, which each image carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Release {
    V080,
    V081,
    V082,
}

/// What MariaDB's ledger says, as far as a release has to know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// The highest applied migration.
    pub head: Option<String>,
    /// Whether the migration that the release needs is applied.
    pub needed_is_applied: bool,
}

/// Why a release does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SchemaRefusal {
    TooOld { release: Release, head: Option<String> },
    TooNew { release: Release, head: String },
}

impl Release {
    pub(crate) const ALL: [Self; 3] = [Self::V080, Self::V081, Self::V082];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V080 => "v0.8.0",
            Self::V081 => "v0.8.1",
            Self::V082 => "v0.8.2",
        }
    }

    /// The MariaDB migration whose tables and columns the release uses.
    pub(crate) const fn needed_migration(self) -> &'static str {
        match self {
            Self::V080 => "20250105001",
            Self::V081 => "20250108001",
            Self::V082 => "20250110001",
        }
    }

    /// The highest MariaDB migration that the release runs on; the newest one knows no bound.
    const fn last_supported_migration(self) -> Option<&'static str> {
        match self {
            Self::V080 | Self::V081 => Some("20250108001"),
            Self::V082 => None,
        }
    }

    /// Whether the release runs on the schema that the ledger describes.
    pub(crate) fn check(self, ledger: &Ledger) -> Result<(), SchemaRefusal> {
        if let (Some(head), Some(last)) = (&ledger.head, self.last_supported_migration())
            && head.as_str() > last
        {
            return Err(SchemaRefusal::TooNew { release: self, head: head.clone() });
        }
        if !ledger.needed_is_applied {
            return Err(SchemaRefusal::TooOld { release: self, head: ledger.head.clone() });
        }
        Ok(())
    }

    /// Two-factor columns of `users`.
    pub(crate) fn has_two_factor(self) -> bool {
        self >= Self::V082
    }

    /// `metadata.version` and `metadata.draft` of articles.
    pub(crate) fn has_article_metadata(self) -> bool {
        self >= Self::V082
    }

    /// Table `audit_log`.
    pub(crate) fn has_audit_log(self) -> bool {
        self >= Self::V081
    }

    /// v0.8.1 caches articles for ever: the bug that v0.8.2 fixes.
    pub(crate) fn cache_expires(self) -> bool {
        self != Self::V081
    }
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Release {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|release| release.name() == text).ok_or_else(|| {
            format!("{text:?} is not a release of this program ({})", Self::ALL.map(Self::name).join(", "))
        })
    }
}

impl fmt::Display for SchemaRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooNew { release, head } => write!(formatter, "{release} does not run on schema {head}"),
            Self::TooOld { release, head } => write!(
                formatter,
                "{release} needs migration {}, but the schema is at {}",
                release.needed_migration(),
                head.as_deref().unwrap_or("no migration at all")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ledger after all migrations up to `head`.
    fn ledger(release: Release, head: &str) -> Ledger {
        Ledger { head: Some(head.into()), needed_is_applied: release.needed_migration() <= head }
    }

    #[test]
    fn each_release_runs_on_exactly_the_heads_its_manifest_names() {
        let heads = ["20250103001", "20250105001", "20250108001", "20250110001"];
        let runs_on = |release: Release| heads.map(|head| release.check(&ledger(release, head)).is_ok());
        assert_eq!(runs_on(Release::V080), [false, true, true, false]);
        assert_eq!(runs_on(Release::V081), [false, false, true, false]);
        assert_eq!(runs_on(Release::V082), [false, false, false, true]);
    }

    #[test]
    fn the_refusal_of_a_newer_schema_names_release_and_migration() {
        let refusal = Release::V081.check(&ledger(Release::V081, "20250110001")).unwrap_err();
        assert_eq!(refusal.to_string(), "v0.8.1 does not run on schema 20250110001");
    }

    #[test]
    fn a_newer_schema_is_refused_even_where_the_needed_migration_is_missing() {
        let ledger = Ledger { head: Some("20250110001".into()), needed_is_applied: false };
        assert!(matches!(Release::V081.check(&ledger), Err(SchemaRefusal::TooNew { .. })));
    }

    #[test]
    fn a_later_migration_does_not_stand_in_for_a_missing_one() {
        let ledger = Ledger { head: Some("20250115001".into()), needed_is_applied: false };
        assert!(matches!(Release::V082.check(&ledger), Err(SchemaRefusal::TooOld { .. })));
    }

    #[test]
    fn an_empty_ledger_is_refused() {
        for release in Release::ALL {
            assert!(matches!(release.check(&Ledger::default()), Err(SchemaRefusal::TooOld { head: None, .. })));
        }
    }

    #[test]
    fn releases_are_read_back_from_their_names() {
        for release in Release::ALL {
            assert_eq!(release.name().parse(), Ok(release));
        }
        assert!("0.8.2".parse::<Release>().is_err());
    }
}
