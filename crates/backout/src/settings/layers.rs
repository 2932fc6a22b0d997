//! Where settings come from, and which of several places wins.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use figment::providers::Env;
use sentence::{ToValue, Value, sentence};

use super::CommandLine;
use super::fields::FIELDS;
use crate::keyed::Keyed;

const SYSTEM_FILE: &str = "/etc/backout/backout.toml";
const FILE: &str = "backout.toml";
const PREFIX: &str = "BACKOUT_";
/// Far more than a file of settings holds.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Variables of the everyday commands, and of the repository's own scripts and tests.
const OTHERS: [&str; 9] = ["URL", "CA_FILE", "TOKEN", "APP", "ENV", "LANG", "CONFIG", "TOOLS", "MONGODB_URL"];

/// What the process was started with, read once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// `BACKOUT_*`, without the prefix and empty ones.
    pub(crate) variables: BTreeMap<String, String>,
    /// `XDG_DATA_HOME`.
    pub(crate) data_home: Option<PathBuf>,
    /// `HOME`.
    pub(crate) home: Option<PathBuf>,
    /// Whether the user is root.
    pub(crate) root: bool,
    /// The file of the whole machine, if it is not at its usual place.
    pub(crate) system_file: Option<PathBuf>,
}

impl Surroundings {
    /// Reads them.
    pub(crate) fn read() -> Self {
        let variables = Env::prefixed(PREFIX).lowercase(false);
        let path = |name: &str| {
            let found = Env::raw().lowercase(false).only(&[name]).iter().next().map(|(_, value)| value);
            found.filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        Self {
            // An empty variable is how compose files and unit files write "not set".
            variables: variables
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name.into_string(), value))
                .collect(),
            data_home: path("XDG_DATA_HOME"),
            home: path("HOME"),
            root: rustix::process::geteuid().is_root(),
            system_file: None,
        }
    }

    /// The data directory where nobody names one.
    pub(crate) fn default_data_directory(&self) -> Option<PathBuf> {
        if self.root {
            return Some(PathBuf::from("/var/lib/backout"));
        }
        let home = self.data_home.clone().or_else(|| Some(self.home.as_ref()?.join(".local/share")))?;
        Some(home.join("backout"))
    }
}

/// A value and the place that it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) text: String,
    pub(crate) place: String,
}

/// What was given, the winner of each field.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    values: BTreeMap<&'static str, Given>,
    pub(crate) ignored: Vec<String>,
}

impl Layers {
    pub(crate) fn get(&self, field: &str) -> Option<&Given> {
        self.values.get(field)
    }

    fn set(&mut self, field: &'static str, text: String, place: String) {
        self.values.insert(field, Given { text, place });
    }
}

/// Puts the layers one over the other, and says what is wrong with their form.
pub(crate) fn gather(line: &CommandLine<'_>, surroundings: &Surroundings) -> (Layers, Vec<Keyed>) {
    let mut layers = Layers::default();
    let mut mistakes = Vec::new();
    if let Some(file) = file(line, surroundings) {
        read_file(&file, &mut layers, &mut mistakes);
    }
    for (name, text) in &surroundings.variables {
        let field = FIELDS.iter().find(|field| field.to_uppercase() == *name);
        match field {
            Some(field) => layers.set(field, text.clone(), format!("{PREFIX}{name}")),
            // Not a mistake: Kubernetes sets variables such as BACKOUT_SERVICE_HOST on its own.
            None if OTHERS.contains(&name.as_str()) || name.starts_with("TEST_") => {}
            None => layers.ignored.push(format!("{PREFIX}{name}")),
        }
    }
    for (field, value) in flags(line) {
        layers.set(field, value.to_owned(), format!("--{}", field.replace('_', "-")));
    }
    (layers, mistakes)
}

fn flags<'a>(line: &CommandLine<'a>) -> Vec<(&'static str, &'a str)> {
    let common = line.flags.map(super::Flags::values).unwrap_or_default();
    let running = line.run.map(super::RunFlags::values).unwrap_or_default();
    let serving = line.api.map(super::ApiFlags::values).unwrap_or_default();
    let all = common.into_iter().chain(running).chain(serving);
    all.filter_map(|(field, value)| Some((field, value.as_deref()?))).collect()
}

/// The file to read: a named one in any case, a usual one if it is there.
fn file(line: &CommandLine<'_>, surroundings: &Surroundings) -> Option<PathBuf> {
    let named = line.flags.and_then(|flags| flags.config.clone());
    if let Some(named) = named.or_else(|| surroundings.variables.get("CONFIG").map(PathBuf::from)) {
        return Some(named);
    }
    let data = flags(line)
        .into_iter()
        .find(|(field, _)| *field == "data_directory")
        .map(|(_, value)| PathBuf::from(value))
        .or_else(|| surroundings.variables.get("DATA_DIRECTORY").map(PathBuf::from))
        .or_else(|| surroundings.default_data_directory());
    let system = surroundings.system_file.clone().unwrap_or_else(|| PathBuf::from(SYSTEM_FILE));
    // A file that may not be looked at counts as there: silence about it would be worse.
    let there = |path: &PathBuf| path.try_exists().unwrap_or(true);
    Some(system).filter(there).or_else(|| data.map(|data| data.join(FILE)).filter(there))
}

fn read_file(path: &Path, layers: &mut Layers, mistakes: &mut Vec<Keyed>) {
    let unusable = |reason: Value| Keyed::new("serve.file").with("path", path).with("reason", reason);
    let text = match read_bounded(path) {
        Ok(text) => text,
        Err(error) => return mistakes.push(unusable(error)),
    };
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            // The error's own text would show the line, which may hold a password.
            let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            return mistakes.push(unusable(format!("{line}: {}", error.message()).to_value()));
        }
    };
    for (key, value) in table {
        let Some(field) = FIELDS.iter().find(|field| **field == key) else {
            mistakes.push(
                Keyed::new("serve.unknown-key").with("key", key).with("place", path).with("known", FIELDS.join(", ")),
            );
            continue;
        };
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
                mistakes.push(Keyed::new("serve.not-plain").with("key", field).with("place", path));
                continue;
            }
        };
        layers.set(field, text, path.display().to_string());
    }
}

fn read_bounded(path: &Path) -> Result<String, Value> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_value())?;
    let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_value())?;
    if read as u64 > MAX_FILE_BYTES {
        return Err(sentence!("larger than {limit} bytes", limit = MAX_FILE_BYTES).to_value());
    }
    Ok(text)
}
