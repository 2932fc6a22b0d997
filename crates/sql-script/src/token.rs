//! The tokens that splitter and classifier share, as MariaDB's own lexer sees them.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// White space.
    Space,
    /// A comment that the server does not execute.
    Comment,
    /// `/*!` or `/*M!`, with the version from which the server executes what follows.
    ExecutableOpen(Option<u32>),
    /// The `*/` of an executable comment.
    ExecutableClose,
    /// A keyword or an unquoted identifier.
    Word,
    /// An identifier in backticks, with them.
    Quoted,
    /// A string, with its quotes.
    Text,
    /// Digits only.
    Number,
    /// Any other character.
    Symbol,
}

/// A token as a range of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What is still open at the end of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unterminated {
    String,
    Identifier,
    Comment,
}

/// Reads tokens one after the other; `pos` may be moved between two of them.
#[derive(Debug)]
pub(crate) struct Tokenizer<'a> {
    text: &'a str,
    pub(crate) pos: usize,
    /// Inside `/*! … */`. As in the server this is a flag, not a depth.
    pub(crate) executable: bool,
}

/// MariaDB skips `/*!` comments meant for MySQL 5.7 and later.
const MYSQL_ONLY: std::ops::RangeInclusive<u32> = 50_700..=99_999;
/// Versions that no server reaches; `/*!999999` is the idiom for "never".
const NEVER: u32 = 900_000;

impl<'a> Tokenizer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, pos: 0, executable: false }
    }

    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.pos..]
    }

    /// The next token. Words end before `stop`, since a delimiter such as `$$` is made of
    /// characters that identifiers may hold.
    pub(crate) fn next(&mut self, stop: Option<&str>) -> Result<Option<Token>, Unterminated> {
        let start = self.pos;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(None);
        };
        let kind = match first {
            c if is_space(c) => {
                self.pos += rest.find(|c| !is_space(c)).unwrap_or(rest.len());
                Kind::Space
            }
            '#' => self.line_comment(),
            '-' if starts_dash_comment(rest) => self.line_comment(),
            '/' if rest.starts_with("/*") => self.block_comment()?,
            '*' if self.executable && rest.starts_with("*/") => {
                self.executable = false;
                self.pos += 2;
                Kind::ExecutableClose
            }
            '\'' | '"' => {
                self.quoted(first, true).ok_or(Unterminated::String)?;
                Kind::Text
            }
            '`' => {
                self.quoted(first, false).ok_or(Unterminated::Identifier)?;
                Kind::Quoted
            }
            c if is_word(c) => self.word(stop),
            c => {
                self.pos += c.len_utf8();
                Kind::Symbol
            }
        };
        Ok(Some(Token { kind, start, end: self.pos }))
    }

    /// Moves to the end of the line.
    pub(crate) fn line_comment(&mut self) -> Kind {
        let rest = self.rest();
        self.pos += rest.find('\n').unwrap_or(rest.len());
        Kind::Comment
    }

    fn block_comment(&mut self) -> Result<Kind, Unterminated> {
        let rest = self.rest();
        let (marker, is_mariadb) = if rest.starts_with("/*M!") {
            (4, true)
        } else if rest.starts_with("/*!") {
            (3, false)
        } else {
            self.pos += rest[2..].find("*/").ok_or(Unterminated::Comment)? + 4;
            return Ok(Kind::Comment);
        };
        let digits = rest[marker..].bytes().take(6).take_while(u8::is_ascii_digit).count();
        // Fewer than five digits are no version: the server reads them as code.
        let (version, digits) = match digits {
            5 | 6 => (rest[marker..marker + digits].parse::<u32>().ok(), digits),
            _ => (None, 0),
        };
        let skipped = version.is_some_and(|v| v >= NEVER || (!is_mariadb && MYSQL_ONLY.contains(&v)));
        if skipped {
            self.pos += skipped_comment_length(rest).ok_or(Unterminated::Comment)?;
            return Ok(Kind::Comment);
        }
        self.pos += marker + digits;
        self.executable = true;
        Ok(Kind::ExecutableOpen(version))
    }

    /// Moves behind the closing quote; `None` where there is none.
    fn quoted(&mut self, quote: char, backslash: bool) -> Option<()> {
        let bytes = self.text.as_bytes();
        let mut at = self.pos + 1;
        loop {
            match *bytes.get(at)? {
                b'\\' if backslash => at += 2,
                b if b == quote as u8 => {
                    if bytes.get(at + 1) != Some(&b) {
                        break;
                    }
                    at += 2;
                }
                _ => at += 1,
            }
        }
        self.pos = at + 1;
        Some(())
    }

    fn word(&mut self, stop: Option<&str>) -> Kind {
        let rest = self.rest();
        let stop = stop.filter(|_| !self.executable);
        let end = rest
            .char_indices()
            .skip(1)
            .find(|&(at, c)| !is_word(c) || stop.is_some_and(|stop| rest[at..].starts_with(stop)))
            .map_or(rest.len(), |(at, _)| at);
        self.pos += end;
        if rest[..end].bytes().all(|b| b.is_ascii_digit()) { Kind::Number } else { Kind::Word }
    }
}

/// The length of a comment that the server skips by its version; one level of comments nests.
fn skipped_comment_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 2;
    loop {
        match bytes.get(at..at + 2)? {
            b"*/" => return Some(at + 2),
            b"/*" => at += 2 + text.get(at + 2..)?.find("*/")? + 2,
            _ => at += 1,
        }
    }
}

/// Whether the text begins a `-- ` comment: white space or a control character must follow.
fn starts_dash_comment(text: &str) -> bool {
    text.strip_prefix("--").is_some_and(|rest| rest.chars().next().is_none_or(|c| is_space(c) || c.is_ascii_control()))
}

pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' | '\u{feff}')
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}
