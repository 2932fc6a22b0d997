//! Names of objects on the server.

/// Quotes an identifier with backticks, doubling those inside it.
pub fn quote_identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as a literal that means the same in every `sql_mode`.
pub(crate) fn literal(text: &str) -> String {
    format!("_utf8mb4 X'{}'", hex::encode(text))
}

/// A table, view, trigger or routine in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectRef<'a> {
    /// The database.
    pub database: &'a str,
    /// The name in it.
    pub name: &'a str,
}

impl<'a> ObjectRef<'a> {
    /// `name` in `database`.
    pub fn new(database: &'a str, name: &'a str) -> Self {
        Self { database, name }
    }

    /// `` `database`.`name` ``.
    pub fn quoted(self) -> String {
        format!("{}.{}", quote_identifier(self.database), quote_identifier(self.name))
    }
}

impl std::fmt::Display for ObjectRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.database, self.name)
    }
}
