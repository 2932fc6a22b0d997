//! A value that must not be shown: plain on its way in, sealed at rest, masked on its way out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What stands in place of a secret in everything that people or programs can read.
pub const MASK: &str = "********";
/// How a sealed value begins; plain input must not begin like this.
pub const SEALED_PREFIX: &str = "sealed:";

/// A secret text. `Debug` never shows it; [`Secret::masked`] is what an API answer carries.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text, plain or sealed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Call it only where the value is sealed, opened or used.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is the mask, i.e. "leave what is stored as it is".
    pub fn is_mask(&self) -> bool {
        self.0 == MASK
    }

    /// Whether the text is sealed under one of our keys.
    pub fn is_sealed(&self) -> bool {
        self.0.starts_with(SEALED_PREFIX)
    }

    /// The mask in place of this value.
    #[must_use]
    pub fn masked(&self) -> Self {
        Self(MASK.to_owned())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_text() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), MASK);
    }
}
