use sentence::sentence;

use crate::{
    error::{ErrorKind, ScriptError},
    lexer::{self, Kind, Token},
};

/// Larger scripts are data, not migrations.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A script made ready for the interpreter, with what only its text tells.
#[derive(Debug)]
pub(crate) struct Source {
    /// JavaScript with the lines of the original.
    pub(crate) text: String,
    /// Where the script first handles errors by itself.
    pub(crate) handles_errors: Option<(u32, u32)>,
}

impl Source {
    pub(crate) fn read(source: &str) -> Result<Self, ScriptError> {
        if source.len() > MAX_BYTES {
            return Err(ScriptError::new(
                ErrorKind::TooLarge,
                sentence!("the script is larger than {limit} bytes", limit = MAX_BYTES),
            ));
        }
        if source.contains('\0') {
            return Err(ScriptError::new(ErrorKind::Syntax, sentence!("the script holds a NUL character")));
        }
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        let source = replace_use_lines(source);
        let tokens = lexer::tokens(&source);
        Ok(Self {
            handles_errors: error_handler(&source, &tokens).map(|at| position(&source, at)),
            text: mark_discarded(&source, &tokens),
        })
    }
}

/// Replaces the shell's `use name` by a call, keeping lines where they are.
fn replace_use_lines(source: &str) -> String {
    let tokens = lexer::tokens(source);
    let mut text = String::with_capacity(source.len() + 16);
    let mut copied = 0;
    for pair in tokens.windows(2) {
        let [word, next] = pair else { continue };
        let is_use = word.kind == Kind::Word && word.starts_line && word.text(source) == "use";
        if !is_use || next.starts_line || next.start == word.end || next.kind != Kind::Word {
            continue;
        }
        let end = source[word.end..].find('\n').map_or(source.len(), |length| word.end + length);
        if let Some(database) = database_of(&source[word.end..end]) {
            text.push_str(&source[copied..word.start]);
            text.push_str("use(\"");
            text.push_str(database);
            text.push_str("\");");
            copied = end;
        }
    }
    text.push_str(&source[copied..]);
    text
}

/// The name in the rest of a `use` line, unless something else stands there.
fn database_of(rest: &str) -> Option<&str> {
    let rest = rest.split("//").next().unwrap_or(rest).trim();
    let name = rest.strip_suffix(';').unwrap_or(rest).trim_end();
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    (!name.is_empty() && name.chars().all(allowed)).then_some(name)
}

fn error_handler(source: &str, tokens: &[Token]) -> Option<usize> {
    tokens.windows(3).find_map(|window| {
        let [a, b, c] = window else { return None };
        let texts = (a.text(source), b.text(source), c.text(source));
        let is_try = texts.0 == "try" && texts.1 == "{";
        let is_catch = texts.0 == "." && texts.1 == "catch" && texts.2 == "(";
        (is_try || is_catch).then_some(a.start)
    })
}

/// Methods whose result a script can use without our noticing: a number, a document or nothing.
const PLAIN_RESULT: [&str; 16] = [
    "count",
    "countDocuments",
    "distinct",
    "drop",
    "estimatedDocumentCount",
    "findAndModify",
    "findOne",
    "findOneAndDelete",
    "findOneAndReplace",
    "findOneAndUpdate",
    "getCollectionInfos",
    "getCollectionNames",
    "getIndexes",
    "isCapped",
    "stats",
    "version",
];

/// Marks calls of such methods whose result is thrown away, as in the statement `db.a.findOne();`,
/// by calling the method's variant `discarded` instead.
fn mark_discarded(source: &str, tokens: &[Token]) -> String {
    let brackets = Brackets::of(source, tokens);
    let mut text = String::with_capacity(source.len() + 16);
    let mut copied = 0;
    for (index, token) in tokens.iter().enumerate() {
        if token.kind == Kind::Word
            && token.text(source) == "db"
            && brackets.holds_statements(source, tokens, index)
            && begins_statement(source, tokens, index)
            && let Some(name) = discarded_call(source, tokens, &brackets, index)
        {
            text.push_str(&source[copied..name.end]);
            text.push_str(".discarded");
            copied = name.end;
        }
    }
    text.push_str(&source[copied..]);
    text
}

fn begins_statement(source: &str, tokens: &[Token], index: usize) -> bool {
    let Some(before) = index.checked_sub(1).and_then(|i| tokens.get(i)) else {
        return true;
    };
    match before.text(source) {
        ";" | "{" | "}" => true,
        text if tokens[index].starts_line => match before.kind {
            Kind::Literal => true,
            Kind::Word => !lexer::is_operator_word(text) && !is_declaration(text),
            // After `)` this may be the body of an `if`, which is a statement as well.
            Kind::Punctuation => matches!(text, ")" | "]"),
        },
        _ => false,
    }
}

fn is_declaration(word: &str) -> bool {
    matches!(word, "var" | "let" | "const" | "extends" | "default")
}

/// Follows the chain that starts at `index` to a call that ends the statement; the method's name.
fn discarded_call<'a>(source: &str, tokens: &'a [Token], brackets: &Brackets, index: usize) -> Option<&'a Token> {
    let mut at = index + 1;
    let mut name = None;
    loop {
        match tokens.get(at)?.text(source) {
            "." => {
                name = tokens.get(at + 1);
                at += 2;
            }
            "[" => {
                name = None;
                at = brackets.closing[at]? + 1;
            }
            "(" => {
                let method = name.take()?;
                at = brackets.closing[at]? + 1;
                match method.text(source) {
                    "getCollection" | "getSiblingDB" => {}
                    text if PLAIN_RESULT.contains(&text) => {
                        return ends_statement(source, tokens.get(at)).then_some(method);
                    }
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

fn ends_statement(source: &str, next: Option<&Token>) -> bool {
    next.is_none_or(|token| {
        matches!(token.text(source), ";" | "}") || (token.starts_line && token.kind != Kind::Punctuation)
    })
}

/// For each token the bracket around it and, for an opening bracket, the one that closes it.
struct Brackets {
    around: Vec<Option<usize>>,
    closing: Vec<Option<usize>>,
}

impl Brackets {
    fn of(source: &str, tokens: &[Token]) -> Self {
        let mut open = Vec::new();
        let mut around = Vec::with_capacity(tokens.len());
        let mut closing = vec![None; tokens.len()];
        for (index, token) in tokens.iter().enumerate() {
            let text = match token.kind {
                Kind::Punctuation => token.text(source),
                Kind::Word | Kind::Literal => "",
            };
            if matches!(text, ")" | "]" | "}")
                && let Some(opening) = open.pop()
            {
                closing[opening] = Some(index);
            }
            around.push(open.last().copied());
            if matches!(text, "(" | "[" | "{") {
                open.push(index);
            }
        }
        Self { around, closing }
    }

    /// Whether statements can stand where the token stands, as opposed to expressions.
    fn holds_statements(&self, source: &str, tokens: &[Token], index: usize) -> bool {
        self.around[index].is_none_or(|opening| tokens[opening].text(source) == "{")
    }
}

/// Line and column of an offset, from 1.
fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before[start..].chars().count() + 1;
    (saturating(line), saturating(column))
}

fn saturating(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
