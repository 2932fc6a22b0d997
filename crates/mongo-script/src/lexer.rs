//! Just enough of JavaScript's lexical grammar to tell code from comments, strings, templates and
//! regular expressions. The interpreter does the parsing; this finds what it cannot tell us.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or keyword.
    Word,
    /// A number, string, template or regular expression.
    Literal,
    /// A single character of punctuation.
    Punctuation,
}

/// A token and where it lies, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether a line ends between the token before and this one.
    pub(crate) starts_line: bool,
}

impl Token {
    pub(crate) fn text<'a>(&self, source: &'a str) -> &'a str {
        &source[self.start..self.end]
    }
}

/// Splits `source` into tokens. What is malformed is left to the interpreter to report.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { bytes: source.as_bytes(), at: 0 };
    let mut tokens: Vec<Token> = Vec::new();
    let mut starts_line = true;
    while let Some(byte) = lexer.peek(0) {
        if byte == b'\n' {
            starts_line = true;
            lexer.at += 1;
        } else if byte.is_ascii_whitespace() {
            lexer.at += 1;
        } else if byte == b'/' && lexer.peek(1) == Some(b'/') {
            lexer.skip_line();
        } else if byte == b'/' && lexer.peek(1) == Some(b'*') {
            starts_line |= lexer.skip_comment();
        } else {
            let start = lexer.at;
            let regex_allowed = tokens.last().is_none_or(|token| regex_may_follow(token, source));
            let kind = lexer.token(byte, regex_allowed);
            tokens.push(Token { kind, start, end: lexer.at, starts_line });
            starts_line = false;
        }
    }
    tokens
}

fn regex_may_follow(token: &Token, source: &str) -> bool {
    match token.kind {
        Kind::Literal => false,
        Kind::Punctuation => !matches!(token.text(source), ")" | "]" | "}"),
        Kind::Word => is_operator_word(token.text(source)),
    }
}

/// Keywords that an expression follows, so that they do not end one.
pub(crate) fn is_operator_word(word: &str) -> bool {
    matches!(
        word,
        "return"
            | "typeof"
            | "case"
            | "in"
            | "of"
            | "delete"
            | "void"
            | "throw"
            | "new"
            | "instanceof"
            | "else"
            | "do"
            | "await"
            | "yield"
    )
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn token(&mut self, byte: u8, regex_allowed: bool) -> Kind {
        match byte {
            b'"' | b'\'' => {
                self.skip_string(byte);
                Kind::Literal
            }
            b'`' => {
                self.skip_template();
                Kind::Literal
            }
            b'/' if regex_allowed => {
                self.skip_regex();
                Kind::Literal
            }
            b'0'..=b'9' => {
                self.skip_while(|byte| is_word(byte) || byte == b'.');
                Kind::Literal
            }
            byte if is_word(byte) => {
                self.skip_while(is_word);
                Kind::Word
            }
            _ => {
                self.at += 1;
                Kind::Punctuation
            }
        }
    }

    fn skip_while(&mut self, accepted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&accepted) {
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        self.skip_while(|byte| byte != b'\n');
    }

    /// Returns whether the comment held a line end.
    fn skip_comment(&mut self) -> bool {
        self.at += 2;
        let mut line_ended = false;
        while let Some(byte) = self.peek(0) {
            if byte == b'*' && self.peek(1) == Some(b'/') {
                self.at += 2;
                break;
            }
            line_ended |= byte == b'\n';
            self.at += 1;
        }
        line_ended
    }

    fn skip_string(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.at += 2,
                b'\n' => break,
                _ => {
                    self.at += 1;
                    if byte == quote {
                        break;
                    }
                }
            }
        }
        self.at = self.at.min(self.bytes.len());
    }

    fn skip_regex(&mut self) {
        self.at += 1;
        let mut in_class = false;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.at += 2,
                b'\n' => break,
                _ => {
                    self.at += 1;
                    match byte {
                        b'[' => in_class = true,
                        b']' => in_class = false,
                        b'/' if !in_class => break,
                        _ => {}
                    }
                }
            }
        }
        self.at = self.at.min(self.bytes.len());
        self.skip_while(is_word);
    }

    /// Skips a template with the expressions in it. Kept without recursion, so that no source can
    /// exhaust the stack: `open` holds the brace depth of each template being read.
    fn skip_template(&mut self) {
        self.at += 1;
        let mut open: Vec<Option<usize>> = vec![None];
        while let (Some(byte), Some(state)) = (self.peek(0), open.last_mut()) {
            match (byte, state) {
                (b'\\', None) => self.at += 2,
                (b'`', None) => {
                    self.at += 1;
                    open.pop();
                }
                (b'$', state @ None) if self.bytes.get(self.at + 1) == Some(&b'{') => {
                    self.at += 2;
                    *state = Some(0);
                }
                (b'`', Some(_)) => {
                    self.at += 1;
                    open.push(None);
                }
                (b'"' | b'\'', Some(_)) => self.skip_string(byte),
                (b'{', Some(depth)) => {
                    self.at += 1;
                    *depth += 1;
                }
                (b'}', state @ Some(0)) => {
                    self.at += 1;
                    *state = None;
                }
                (b'}', Some(depth)) => {
                    self.at += 1;
                    *depth -= 1;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.bytes.len());
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::tokens;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).iter().map(|t| t.text(source)).collect()
    }

    #[test]
    fn comments_are_not_code() {
        assert_eq!(texts("a // use b\n/* use c */ d"), ["a", "d"]);
    }

    #[test]
    fn quotes_inside_a_regular_expression_open_no_string() {
        assert_eq!(texts("x = /[/'\"`]/i; y"), ["x", "=", "/[/'\"`]/i", ";", "y"]);
    }

    #[test]
    fn a_division_is_no_regular_expression() {
        assert_eq!(texts("(a) / b / c"), ["(", "a", ")", "/", "b", "/", "c"]);
    }

    #[test]
    fn a_template_with_nested_templates_is_one_token() {
        assert_eq!(texts("`a ${ {b: `}${1}`} } c` d"), ["`a ${ {b: `}${1}`} } c`", "d"]);
    }

    #[test]
    fn an_unfinished_literal_ends_with_the_source() {
        assert_eq!(texts("'a\\"), ["'a\\"]);
        assert_eq!(texts("`${"), ["`${"]);
    }
}
