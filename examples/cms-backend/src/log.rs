//! Log lines on standard error, from the level that `LOG_LEVEL` names.

use std::{fmt, str::FromStr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Clone, Copy)]
pub(crate) struct Log(pub Level);

impl Log {
    pub(crate) fn debug(self, message: impl fmt::Display) {
        self.write(Level::Debug, message);
    }

    pub(crate) fn info(self, message: impl fmt::Display) {
        self.write(Level::Info, message);
    }

    pub(crate) fn warn(self, message: impl fmt::Display) {
        self.write(Level::Warn, message);
    }

    fn write(self, level: Level, message: impl fmt::Display) {
        if level >= self.0 {
            eprintln!("{} cms-backend: {message}", format!("{level:?}").to_uppercase());
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warn" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            _ => Err(format!("{text:?} is none of debug, info, warn, error")),
        }
    }
}
