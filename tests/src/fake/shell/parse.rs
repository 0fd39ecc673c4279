//! From text to commands.

/// A part of a word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// Itself; quoted or not, it is never split.
    Text(String),
    /// `$name`, `${name:+word}`.
    Variable {
        name: String,
        operator: Option<(String, Word)>,
        quoted: bool,
    },
    /// `$(list)`
    Command { list: List, quoted: bool },
}

pub(super) type Word = Vec<Part>;
pub(super) type List = Vec<AndOr>;

/// `a && b || c`: the first, and each further one with whether it follows success.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AndOr {
    pub(super) first: Pipeline,
    pub(super) rest: Vec<(bool, Pipeline)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pipeline {
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    pub(super) what: What,
    pub(super) redirections: Vec<Redirection>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Simple {
        assignments: Vec<(String, Word)>,
        words: Vec<Word>,
    },
    Group(List),
    Subshell(List),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Redirection {
    pub(super) stream: u8,
    pub(super) kind: Kind,
    pub(super) target: Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    In,
    Out,
    Append,
    Duplicate,
}

pub(super) fn parse(text: &str) -> Result<List, String> {
    let mut parser = Parser {
        chars: text.chars().collect(),
        at: 0,
    };
    let list = parser.list()?;
    match parser.peek() {
        None => Ok(list),
        Some(c) => Err(format!("Syntax error: \"{c}\" unexpected")),
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    fn take(&mut self, text: &str) -> bool {
        let found = text
            .chars()
            .enumerate()
            .all(|(i, c)| self.chars.get(self.at + i) == Some(&c));
        if found {
            self.at += text.chars().count();
        }
        found
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|c| c == ' ' || c == '\t') || self.take("\\\n") {
            if self.peek().is_some_and(|c| c == ' ' || c == '\t') {
                self.at += 1;
            }
        }
        if self.peek() == Some('#') {
            while self.peek().is_some_and(|c| c != '\n') {
                self.at += 1;
            }
        }
    }

    fn lines(&mut self) {
        loop {
            self.blanks();
            if self.peek() != Some('\n') {
                return;
            }
            self.at += 1;
        }
    }

    fn list(&mut self) -> Result<List, String> {
        let mut list = Vec::new();
        loop {
            self.lines();
            if matches!(self.peek(), None | Some(')' | '}')) {
                return Ok(list);
            }
            list.push(self.and_or()?);
            self.blanks();
            // In the background or not: a guest's commands are over in no time.
            if !(self.peek() == Some(';') || self.peek() == Some('\n') || self.peek() == Some('&')) {
                return Ok(list);
            }
            self.at += 1;
        }
    }

    fn and_or(&mut self) -> Result<AndOr, String> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let and = if self.take("&&") {
                true
            } else if self.take("||") {
                false
            } else {
                return Ok(AndOr { first, rest });
            };
            self.lines();
            rest.push((and, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, String> {
        self.blanks();
        let negated = self.take("! ");
        let mut commands = vec![self.command()?];
        loop {
            self.blanks();
            if self.peek() != Some('|') || self.chars.get(self.at + 1) == Some(&'|') {
                return Ok(Pipeline { negated, commands });
            }
            self.at += 1;
            self.lines();
            commands.push(self.command()?);
        }
    }

    fn command(&mut self) -> Result<Command, String> {
        self.blanks();
        let follows_brace = self.chars.get(self.at + 1).is_some_and(|c| c.is_whitespace());
        let what = match self.peek() {
            Some('(') => What::Subshell(self.enclosed(')')?),
            Some('{') if follows_brace => What::Group(self.enclosed('}')?),
            _ => return self.simple(),
        };
        let mut redirections = Vec::new();
        while let Some(redirection) = self.redirection()? {
            redirections.push(redirection);
        }
        Ok(Command { what, redirections })
    }

    fn enclosed(&mut self, end: char) -> Result<List, String> {
        self.at += 1;
        let list = self.list()?;
        match self.next() {
            Some(c) if c == end => Ok(list),
            _ => Err(format!("Syntax error: \"{end}\" expected")),
        }
    }

    fn simple(&mut self) -> Result<Command, String> {
        let (mut assignments, mut words, mut redirections) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.blanks();
            if let Some(redirection) = self.redirection()? {
                redirections.push(redirection);
            } else if matches!(self.peek(), None | Some('\n' | ';' | '&' | '|' | ')' | '(')) {
                break;
            } else {
                let name = self.assigned_name().filter(|_| words.is_empty());
                if let Some(name) = name {
                    self.at += name.chars().count() + 1;
                    assignments.push((name, self.word()?));
                } else {
                    words.push(self.word()?);
                }
            }
        }
        if assignments.is_empty() && words.is_empty() && redirections.is_empty() {
            let found = self.peek().map_or("end of file".to_owned(), |c| format!("\"{c}\""));
            return Err(format!("Syntax error: {found} unexpected"));
        }
        Ok(Command {
            what: What::Simple { assignments, words },
            redirections,
        })
    }

    /// The name in `name=`, if that is what comes next.
    fn assigned_name(&self) -> Option<String> {
        let name: String = self.chars[self.at..]
            .iter()
            .take_while(|c| c.is_alphanumeric() || **c == '_')
            .collect();
        let starts = name.chars().next().is_some_and(|c| !c.is_ascii_digit());
        (starts && self.chars.get(self.at + name.chars().count()) == Some(&'=')).then_some(name)
    }

    fn redirection(&mut self) -> Result<Option<Redirection>, String> {
        self.blanks();
        let digit = self.peek().and_then(|c| c.to_digit(10));
        let at = self.at + usize::from(digit.is_some());
        let Some(direction) = self.chars.get(at).filter(|c| **c == '<' || **c == '>').copied() else {
            return Ok(None);
        };
        self.at = at + 1;
        let kind = match direction {
            '<' => Kind::In,
            _ if self.take(">") => Kind::Append,
            _ if self.take("&") => Kind::Duplicate,
            _ => Kind::Out,
        };
        let stream = digit.unwrap_or(u32::from(direction == '>'));
        self.blanks();
        Ok(Some(Redirection {
            stream: u8::try_from(stream).unwrap_or(0),
            kind,
            target: self.word()?,
        }))
    }

    fn word(&mut self) -> Result<Word, String> {
        self.word_until(&|c| c.is_whitespace() || ";&|<>()".contains(c))
    }

    fn word_until(&mut self, end: &dyn Fn(char) -> bool) -> Result<Word, String> {
        let mut word = Vec::new();
        let mut text = String::new();
        let mut any = false;
        while let Some(c) = self.peek().filter(|c| !end(*c)) {
            any = true;
            self.at += 1;
            match c {
                '\'' => loop {
                    match self.next() {
                        Some('\'') => break,
                        Some(c) => text.push(c),
                        None => return Err("Syntax error: Unterminated quoted string".to_owned()),
                    }
                },
                '"' => self.double_quoted(&mut word, &mut text)?,
                '\\' => match self.next() {
                    Some('\n') | None => {}
                    Some(c) => text.push(c),
                },
                '$' => self.dollar(&mut word, &mut text, false)?,
                c => text.push(c),
            }
        }
        if !text.is_empty() || (any && word.is_empty()) {
            word.push(Part::Text(text));
        }
        Ok(word)
    }

    fn double_quoted(&mut self, word: &mut Word, text: &mut String) -> Result<(), String> {
        // Keeps an empty pair of quotes a word, beside a parameter that is empty too.
        word.push(Part::Text(std::mem::take(text)));
        loop {
            match self.next() {
                Some('"') => return Ok(()),
                Some('\\') => match self.next() {
                    Some(c) if "$`\"\\".contains(c) => text.push(c),
                    Some('\n') | None => {}
                    Some(c) => text.extend(['\\', c]),
                },
                Some('$') => self.dollar(word, text, true)?,
                Some(c) => text.push(c),
                None => return Err("Syntax error: Unterminated quoted string".to_owned()),
            }
        }
    }

    fn dollar(&mut self, word: &mut Word, text: &mut String, quoted: bool) -> Result<(), String> {
        let part = match self.peek() {
            Some('(') => Part::Command {
                list: self.enclosed(')')?,
                quoted,
            },
            Some('{') => {
                self.at += 1;
                let name = self.name();
                let mut operator = String::new();
                while let Some(c) = self.peek().filter(|c| ":+-=?%#".contains(*c)) {
                    operator.push(c);
                    self.at += 1;
                }
                let value = self.word_until(&|c| c == '}')?;
                // A blank does not end such a word.
                if self.next() != Some('}') {
                    return Err("Bad substitution".to_owned());
                }
                let operator = (!operator.is_empty()).then_some((operator, value));
                Part::Variable { name, operator, quoted }
            }
            Some(c) if c.is_alphanumeric() || "_?$#@*!".contains(c) => Part::Variable {
                name: self.name(),
                operator: None,
                quoted,
            },
            _ => {
                text.push('$');
                return Ok(());
            }
        };
        if !text.is_empty() {
            word.push(Part::Text(std::mem::take(text)));
        }
        word.push(part);
        Ok(())
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            let special = name.is_empty() && "?$#@*!".contains(c);
            if !(c.is_alphanumeric() || c == '_' || special) {
                break;
            }
            name.push(c);
            self.at += 1;
            if special || name.starts_with(|c: char| c.is_ascii_digit()) {
                break;
            }
        }
        name
    }
}
