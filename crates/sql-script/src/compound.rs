//! Knows whether a `;` ends a statement or only a part of a compound one.

use crate::token::Kind;

/// How far into a statement the tokens have led.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    /// Nothing read yet.
    #[default]
    Start,
    /// After a leading `BEGIN`: a transaction unless `NOT ATOMIC` follows.
    LeadingBegin,
    /// No compound statement: every `;` ends it.
    Plain,
    /// After `CREATE` or `ALTER`, before the kind of object.
    Object,
    /// Before the name of a routine, trigger, event or package.
    Name(Object),
    /// Between name and body.
    Header(Object),
    /// After `RETURN` in a function's header: its body, or a type in Oracle mode.
    Return,
    /// In the body.
    Body,
    /// Behind the last `END`.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Object {
    Routine,
    Trigger,
    Event,
    Package,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Begin,
    Package,
    If,
    CaseStatement,
    CaseExpression,
    /// `LOOP`, and `REPEAT` before its condition.
    Loop,
    /// The condition of a `REPEAT`, which its `END` follows directly.
    Until,
    /// `WHILE` and `FOR`, whose body begins with `DO`.
    DoLoop,
}

/// Follows the blocks of one statement.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about the tokens before, independent of the others")]
pub(crate) struct Blocks {
    phase: Phase,
    stack: Vec<Block>,
    parens: u32,
    /// The next word begins a statement of the body.
    statement_start: bool,
    /// The last token was a word that began a statement: with `:` behind it, a label.
    label: bool,
    /// The last token makes the next word a name (`t.end`, `@end`, `DEFINER=event`).
    name_follows: bool,
    /// The last word, upper case.
    last: String,
    /// `END` was read: `IF`, `LOOP` and so on behind it close the same block.
    after_end: bool,
    /// In `DECLARE … HANDLER FOR`, before the handler's statement.
    handler: bool,
    /// Oracle's `AS` or `IS` was read: declarations, and then a `BEGIN`.
    declarations: bool,
    /// In the header of a routine inside a package.
    packaged_header: bool,
}

impl Blocks {
    /// Whether a `;` here is part of the statement.
    pub(crate) fn is_open(&self) -> bool {
        !self.stack.is_empty() || self.declarations
    }

    /// Takes the next significant token.
    pub(crate) fn feed(&mut self, kind: Kind, text: &str) {
        if matches!(self.phase, Phase::Plain | Phase::Done) {
            return;
        }
        match kind {
            Kind::Word => {
                let word = text.to_ascii_uppercase();
                let is_name = std::mem::take(&mut self.name_follows);
                let starts = self.statement_start && !is_name;
                self.word(&word, is_name);
                self.label = starts;
                self.last = word;
            }
            Kind::Symbol => self.symbol(text),
            Kind::Quoted => {
                self.name_follows = false;
                self.label = self.statement_start;
                self.statement_start = false;
                if let Phase::Name(object) = self.phase {
                    self.named(object);
                }
            }
            // Executable comments hold ordinary code: their marks change nothing.
            Kind::ExecutableOpen(_) | Kind::ExecutableClose => {}
            Kind::Text | Kind::Number | Kind::Space | Kind::Comment => {
                self.name_follows = false;
                self.statement_start = false;
                self.label = false;
            }
        }
    }

    fn symbol(&mut self, text: &str) {
        self.name_follows = matches!(text, "." | "@") || (text == "=" && self.phase == Phase::Object);
        let label = std::mem::take(&mut self.label);
        self.statement_start = match text {
            ";" => {
                self.handler = false;
                self.after_end = false;
                if !self.declarations {
                    self.packaged_header = false;
                }
                true
            }
            ":" => label,
            "(" => {
                self.parens += 1;
                false
            }
            ")" => {
                self.parens = self.parens.saturating_sub(1);
                false
            }
            _ => false,
        };
    }

    fn word(&mut self, word: &str, is_name: bool) {
        match self.phase {
            Phase::Start => self.first_word(word),
            Phase::LeadingBegin => {
                self.phase = if word == "NOT" {
                    self.stack.push(Block::Begin);
                    self.statement_start = true;
                    Phase::Body
                } else {
                    Phase::Plain
                };
            }
            Phase::Object if !is_name => self.object(word),
            Phase::Name(Object::Package) if word == "BODY" && self.last == "PACKAGE" => {}
            Phase::Name(object) if !matches!(word, "IF" | "NOT" | "EXISTS") => self.named(object),
            Phase::Header(object) if !is_name && self.parens == 0 => self.header(object, word),
            Phase::Return if self.parens == 0 && matches!(word, "AS" | "IS") => {
                self.begin_declarations();
            }
            Phase::Return if word == "CASE" => {
                self.phase = Phase::Body;
                self.body(word);
            }
            Phase::Body if !is_name => self.body(word),
            _ => {}
        }
        if is_name {
            self.statement_start = false;
        }
    }

    fn first_word(&mut self, word: &str) {
        self.phase = match word {
            "CREATE" | "ALTER" => Phase::Object,
            "BEGIN" => Phase::LeadingBegin,
            "IF" | "CASE" | "LOOP" | "WHILE" | "REPEAT" | "FOR" => {
                self.statement_start = true;
                self.body(word);
                Phase::Body
            }
            _ => Phase::Plain,
        };
    }

    fn object(&mut self, word: &str) {
        self.phase = match word {
            "PROCEDURE" | "FUNCTION" => Phase::Name(Object::Routine),
            "TRIGGER" => Phase::Name(Object::Trigger),
            "EVENT" => Phase::Name(Object::Event),
            "PACKAGE" => Phase::Name(Object::Package),
            "OR" | "REPLACE" | "DEFINER" | "AGGREGATE" => Phase::Object,
            // `CURRENT_USER` and the like follow `DEFINER =` and are taken as names.
            _ => Phase::Plain,
        };
    }

    fn named(&mut self, object: Object) {
        if object == Object::Package {
            self.stack.push(Block::Package);
            self.phase = Phase::Body;
            self.statement_start = true;
        } else {
            self.phase = Phase::Header(object);
        }
    }

    fn header(&mut self, object: Object, word: &str) {
        match (object, word) {
            (Object::Trigger, "ROW") if self.last == "EACH" => {
                self.phase = Phase::Header(Object::Routine);
            }
            (Object::Event, "DO") => {
                self.phase = Phase::Body;
                self.statement_start = true;
            }
            (Object::Routine, "AS" | "IS") => self.begin_declarations(),
            (Object::Routine, "RETURN") => self.phase = Phase::Return,
            (Object::Routine, word) if opens_block(word) => {
                self.phase = Phase::Body;
                self.statement_start = true;
                self.body(word);
            }
            (Object::Routine, "SET") if matches!(self.last.as_str(), "CHARACTER" | "CHAR") => {}
            (Object::Routine, word) if begins_statement(word) => self.phase = Phase::Body,
            _ => {}
        }
    }

    fn begin_declarations(&mut self) {
        self.phase = Phase::Body;
        self.declarations = true;
        self.statement_start = true;
    }

    fn body(&mut self, word: &str) {
        let starts = std::mem::take(&mut self.statement_start);
        let after_end = std::mem::take(&mut self.after_end);
        let top = self.stack.last().copied();
        if after_end && opens_block(word) {
            return;
        }
        match word {
            "END" => self.end(top, starts),
            "CASE" if starts || self.handler => self.open(Block::CaseStatement, false),
            "CASE" => self.open(Block::CaseExpression, false),
            "BEGIN" if starts || self.handler || self.packaged_header || self.declarations => {
                let initialises_package = top == Some(Block::Package) && !self.packaged_header && !self.declarations;
                self.packaged_header = false;
                self.declarations = false;
                if initialises_package {
                    // Closed by the package's own END.
                    self.statement_start = true;
                } else {
                    self.open(Block::Begin, true);
                }
            }
            "IF" if starts || self.handler => self.open(Block::If, false),
            "LOOP" | "REPEAT" if starts || self.handler => self.open(Block::Loop, true),
            // Oracle's `FOR … LOOP` and `WHILE … LOOP`.
            "LOOP" if top == Some(Block::DoLoop) => self.statement_start = true,
            "FOR" if self.last == "HANDLER" => {}
            "WHILE" | "FOR" if starts || self.handler => self.open(Block::DoLoop, false),
            "THEN" | "ELSE" => self.statement_start = top != Some(Block::CaseExpression),
            "DO" => self.statement_start = top == Some(Block::DoLoop),
            "UNTIL" if top == Some(Block::Loop) => {
                self.stack.pop();
                self.stack.push(Block::Until);
            }
            "NOT" if self.last == "BEGIN" => self.statement_start = true,
            "ATOMIC" if self.last == "NOT" => self.statement_start = true,
            "HANDLER" => self.handler = true,
            "PROCEDURE" | "FUNCTION" if starts && top == Some(Block::Package) => {
                self.packaged_header = true;
            }
            "AS" | "IS" if top == Some(Block::Package) && self.parens == 0 => {
                self.declarations = self.packaged_header;
                self.statement_start = true;
            }
            word if self.handler && begins_statement(word) => self.handler = false,
            _ => {}
        }
    }

    fn open(&mut self, block: Block, statement_follows: bool) {
        self.handler = false;
        self.stack.push(block);
        self.statement_start = statement_follows;
    }

    fn end(&mut self, top: Option<Block>, starts: bool) {
        match top {
            Some(Block::CaseExpression) => {
                self.stack.pop();
            }
            // Elsewhere `end` is an ordinary name.
            Some(block) if starts || block == Block::Until => {
                self.stack.pop();
                self.after_end = true;
                if self.stack.is_empty() {
                    self.phase = Phase::Done;
                }
            }
            _ => {}
        }
    }
}

fn opens_block(word: &str) -> bool {
    matches!(word, "BEGIN" | "IF" | "CASE" | "LOOP" | "WHILE" | "REPEAT" | "FOR")
}

fn begins_statement(word: &str) -> bool {
    matches!(
        word,
        "SELECT"
            | "INSERT"
            | "UPDATE"
            | "DELETE"
            | "REPLACE"
            | "SET"
            | "CALL"
            | "DO"
            | "WITH"
            | "SIGNAL"
            | "RESIGNAL"
            | "TRUNCATE"
            | "DROP"
            | "ALTER"
            | "CREATE"
            | "RENAME"
            | "EXECUTE"
            | "PREPARE"
            | "COMMIT"
            | "ROLLBACK"
            | "START"
    )
}
