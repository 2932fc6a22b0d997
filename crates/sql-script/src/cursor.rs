//! Walks over the significant tokens of one statement.

use sentence::{Sentence, sentence};

use crate::effect::TableName;
use crate::token::{Kind, Tokenizer};

/// Why a statement is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unclear(pub(crate) Sentence);

pub(crate) type Parsed<T> = Result<T, Unclear>;

/// Executable comments up to this version run on every supported server (10.6 and later).
const OLDEST_SERVER: u32 = 100_600;

/// A significant token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexeme<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// Where it begins in the statement, in bytes.
    pub(crate) start: usize,
}

impl Lexeme<'_> {
    pub(crate) fn is_keyword(self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(crate) fn is_symbol(self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    /// The text of an identifier, without quotes.
    pub(crate) fn identifier(self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_owned()),
            Kind::Quoted => {
                let inner = &self.text[1..self.text.len() - 1];
                Some(inner.replace("``", "`"))
            }
            _ => None,
        }
    }
}

/// The significant tokens of a statement, without those that the server would skip.
pub(crate) fn lexemes(statement: &str) -> Parsed<Vec<Lexeme<'_>>> {
    let mut tokens = Tokenizer::new(statement);
    let mut found = Vec::new();
    loop {
        let inside = tokens.executable;
        let token =
            tokens.next(None).map_err(|_| Unclear(sentence!("a string, identifier or comment is not closed")))?;
        let Some(token) = token else { break };
        match token.kind {
            Kind::Space | Kind::Comment | Kind::ExecutableClose => {}
            Kind::ExecutableOpen(_) if inside => {
                return Err(Unclear(sentence!("an executable comment holds another one")));
            }
            Kind::ExecutableOpen(version) => {
                if version.is_some_and(|version| version > OLDEST_SERVER) {
                    return Err(Unclear(sentence!("an executable comment runs on some servers only")));
                }
            }
            kind => found.push(Lexeme { kind, text: &statement[token.start..token.end], start: token.start }),
        }
    }
    if tokens.executable {
        return Err(Unclear(sentence!("an executable comment is not closed")));
    }
    Ok(found)
}

/// A position in a slice of lexemes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    lexemes: &'a [Lexeme<'a>],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(lexemes: &'a [Lexeme<'a>]) -> Self {
        Self { lexemes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lexemes.is_empty()
    }

    pub(crate) fn remaining(&self) -> &'a [Lexeme<'a>] {
        self.lexemes
    }

    pub(crate) fn advance(&mut self) -> Option<Lexeme<'a>> {
        let (first, rest) = self.lexemes.split_first()?;
        self.lexemes = rest;
        Some(*first)
    }

    /// Whether the next lexemes are these keywords.
    pub(crate) fn sees(&self, words: &[&str]) -> bool {
        self.lexemes.len() >= words.len()
            && self.lexemes.iter().zip(words).all(|(lexeme, word)| lexeme.is_keyword(word))
    }

    /// Takes these keywords, or nothing.
    pub(crate) fn eat(&mut self, words: &[&str]) -> bool {
        let sees = self.sees(words);
        if sees {
            self.lexemes = &self.lexemes[words.len()..];
        }
        sees
    }

    /// Takes one of these keywords.
    pub(crate) fn eat_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.eat(&[word]))
    }

    pub(crate) fn expect(&mut self, words: &[&str]) -> Parsed<()> {
        if self.eat(words) { Ok(()) } else { Err(Unclear(sentence!("a keyword is missing"))) }
    }

    pub(crate) fn sees_symbol(&self, symbol: &str) -> bool {
        self.lexemes.first().is_some_and(|l| l.is_symbol(symbol))
    }

    pub(crate) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let sees = self.sees_symbol(symbol);
        if sees {
            self.lexemes = &self.lexemes[1..];
        }
        sees
    }

    pub(crate) fn end(&self) -> Parsed<()> {
        if self.is_empty() { Ok(()) } else { Err(Unclear(sentence!("it goes on where an end is expected"))) }
    }

    pub(crate) fn if_exists(&mut self) -> bool {
        self.eat(&["IF", "EXISTS"])
    }

    pub(crate) fn if_not_exists(&mut self) -> bool {
        self.eat(&["IF", "NOT", "EXISTS"])
    }

    pub(crate) fn identifier(&mut self) -> Parsed<String> {
        self.advance().and_then(Lexeme::identifier).ok_or_else(|| Unclear(sentence!("a name is missing")))
    }

    /// `name` or `database.name`.
    pub(crate) fn table(&mut self) -> Parsed<TableName> {
        let first = self.identifier()?;
        if !self.eat_symbol(".") {
            return Ok(TableName::local(first));
        }
        // A part after the dot may consist of digits.
        let second = self
            .advance()
            .and_then(|lexeme| match lexeme.kind {
                Kind::Number => Some(lexeme.text.to_owned()),
                _ => lexeme.identifier(),
            })
            .ok_or_else(|| Unclear(sentence!("a name is missing")))?;
        Ok(TableName { database: Some(first), name: second })
    }

    /// One or more tables, separated by commas.
    pub(crate) fn tables(&mut self) -> Parsed<Vec<TableName>> {
        let mut tables = vec![self.table()?];
        while self.eat_symbol(",") {
            tables.push(self.table()?);
        }
        Ok(tables)
    }

    /// Takes `( … )` with everything inside and returns the inside.
    pub(crate) fn parenthesised(&mut self) -> Parsed<&'a [Lexeme<'a>]> {
        if !self.sees_symbol("(") {
            return Err(Unclear(sentence!("a parenthesis is missing")));
        }
        let mut depth = 0_usize;
        for (at, lexeme) in self.lexemes.iter().enumerate() {
            if lexeme.is_symbol("(") {
                depth += 1;
            } else if lexeme.is_symbol(")") {
                depth -= 1;
                if depth == 0 {
                    let inside = &self.lexemes[1..at];
                    self.lexemes = &self.lexemes[at + 1..];
                    return Ok(inside);
                }
            }
        }
        Err(Unclear(sentence!("a parenthesis is not closed")))
    }

    /// `WAIT n` or `NOWAIT`.
    pub(crate) fn skip_wait(&mut self) -> Parsed<()> {
        if self.eat(&["WAIT"]) {
            self.advance().ok_or_else(|| Unclear(sentence!("WAIT has no number")))?;
        } else {
            self.eat(&["NOWAIT"]);
        }
        Ok(())
    }
}

/// The text of lexemes that follow each other, with one space wherever something was between two of them.
pub(crate) fn text_of(lexemes: &[Lexeme<'_>]) -> String {
    let mut text = String::new();
    let mut end = None;
    for lexeme in lexemes {
        if end.is_some_and(|end| end != lexeme.start) {
            text.push(' ');
        }
        text.push_str(lexeme.text);
        end = Some(lexeme.start + lexeme.text.len());
    }
    text
}

/// Cuts at commas outside parentheses.
pub(crate) fn split_commas<'a>(lexemes: &'a [Lexeme<'a>]) -> Parsed<Vec<&'a [Lexeme<'a>]>> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut from = 0;
    for (at, lexeme) in lexemes.iter().enumerate() {
        if lexeme.is_symbol("(") {
            depth += 1;
        } else if lexeme.is_symbol(")") {
            depth = depth.checked_sub(1).ok_or_else(|| Unclear(sentence!("a parenthesis was never opened")))?;
        } else if depth == 0 && lexeme.is_symbol(",") {
            parts.push(&lexemes[from..at]);
            from = at + 1;
        }
    }
    if depth > 0 {
        return Err(Unclear(sentence!("a parenthesis is not closed")));
    }
    parts.push(&lexemes[from..]);
    Ok(parts)
}

/// Whether the keywords stand next to each other outside parentheses.
pub(crate) fn holds_phrase(lexemes: &[Lexeme<'_>], words: &[&str]) -> bool {
    let mut depth = 0_i64;
    lexemes.iter().enumerate().any(|(at, lexeme)| {
        depth += i64::from(lexeme.is_symbol("(")) - i64::from(lexeme.is_symbol(")"));
        depth == 0 && Cursor::new(&lexemes[at..]).sees(words)
    })
}
