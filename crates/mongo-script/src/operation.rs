use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::effect::Effect;

/// One call of a script, as the database command it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Position in the order of the script, from 0.
    pub index: u32,
    /// The method the script called, such as `updateMany`.
    pub method: String,
    /// The database the command is sent to: `None` for the one the script started in, otherwise
    /// the one named by `use` or `getSiblingDB`, or `admin` where the command lives there.
    pub database: Option<String>,
    /// The collection the method was called on.
    pub collection: Option<String>,
    /// The database command in canonical extended JSON.
    pub command: Value,
    /// Line of the call in the source, from 1; 0 where it is not known.
    pub line: u32,
    /// Column of the call in the source, from 1; 0 where it is not known.
    pub column: u32,
}

impl Operation {
    /// The name of the database command, such as `update`.
    pub fn command_name(&self) -> &str {
        self.command.as_object().and_then(|fields| fields.keys().next()).map_or("", String::as_str)
    }

    /// What the operation does to the database, as far as its command tells.
    pub fn effect(&self) -> Effect {
        Effect::of(self)
    }
}
