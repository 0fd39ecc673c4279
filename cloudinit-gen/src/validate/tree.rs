//! A YAML document as a tree that remembers where everything was and how it was written.

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};

/// Deepest nesting that is looked into: what is below is of no module's form.
const MAX_DEPTH: usize = 100;

/// Line and column, both from 1.
pub(super) type Place = (usize, usize);

/// One value.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    /// The anchor that aliases refer to; 0: none.
    pub(super) anchor: usize,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar {
        text: String,
        /// Written without quotes and without a tag, so that its type is guessed.
        plain: bool,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
    /// A reference to an anchor. What it stands for is checked where it is written.
    Alias(usize),
}

impl Node {
    /// The value of a mapping's key; the last one, as `PyYAML` has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .rev()
            .find(|(name, _)| name.text() == Some(key))
            .map(|(_, value)| value)
    }

    /// A mapping's keys and values; none for anything else.
    pub(super) fn entries(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// A sequence's items; none for anything else.
    pub(super) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// A scalar's text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// A file's first document, and what else a rule has to know of the file.
#[derive(Debug)]
pub(super) struct Tree {
    /// `None` for a file without a value.
    pub(super) root: Option<Node>,
    /// Where a second document begins.
    pub(super) second: Option<Place>,
    /// What this parser reads and `PyYAML` does not, and why.
    pub(super) refused: Vec<(Place, &'static str)>,
    /// Byte ranges in which a tab is text: quoted and block scalars, comments.
    pub(super) free: Vec<(usize, usize)>,
}

impl Tree {
    /// Parses the text.
    pub(super) fn parse(text: &str) -> Result<Self, ScanError> {
        let mut options = Options::default();
        options.emit_anchor_events = true;
        let mut builder = Builder {
            text,
            tree: Self {
                root: None,
                second: None,
                refused: Vec::new(),
                free: Vec::new(),
            },
            open: Vec::new(),
            documents: 0,
        };
        for next in Parser::new_from_str_with_options(text, options) {
            let (event, span) = next?;
            builder.take(event, span);
        }
        Ok(builder.tree)
    }
}

/// A collection that is not finished yet.
struct Open {
    place: Place,
    anchor: usize,
    /// Written in brackets.
    flow: bool,
    contents: Contents,
}

enum Contents {
    Items(Vec<Node>),
    /// Finished pairs, and a key that waits for its value.
    Entries(Vec<(Node, Node)>, Option<Node>),
}

/// Makes a tree of a parser's events.
struct Builder<'a> {
    text: &'a str,
    tree: Tree,
    open: Vec<Open>,
    documents: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) {
        let place = (span.start.line(), span.start.col() + 1);
        let range = span.start.byte_offset().zip(span.end.byte_offset());
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.tree.second = Some(place);
                }
            }
            Event::Comment(..) => self.tree.free.extend(range),
            Event::Anchor(_, name) => self.check_anchor(&name, place, range),
            Event::Alias(target) => self.finish(Node {
                place,
                anchor: 0,
                kind: Kind::Alias(target),
            }),
            Event::Scalar(value, style, anchor, tag) => {
                self.check_tag(place, tag.as_deref());
                if style == ScalarStyle::Plain {
                    self.check_word(&value, place);
                } else {
                    self.tree.free.extend(range);
                }
                // Nothing at all is nothing, whatever the parser makes of it.
                let text = if span.start == span.end {
                    String::new()
                } else {
                    value.into_owned()
                };
                let plain = style == ScalarStyle::Plain && tag.is_none();
                self.finish(Node {
                    place,
                    anchor,
                    kind: Kind::Scalar { text, plain },
                });
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.check_tag(place, tag.as_deref());
                let flow = style == StructureStyle::Flow;
                self.open.push(Open {
                    place,
                    anchor,
                    flow,
                    contents: Contents::Items(Vec::new()),
                });
            }
            Event::MappingStart(style, anchor, tag) => {
                self.check_tag(place, tag.as_deref());
                let flow = style == StructureStyle::Flow;
                self.open.push(Open {
                    place,
                    anchor,
                    flow,
                    contents: Contents::Entries(Vec::new(), None),
                });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open {
                    place,
                    anchor,
                    contents,
                    ..
                }) = self.open.pop()
                else {
                    return;
                };
                let kind = match contents {
                    Contents::Items(items) => Kind::Sequence(items),
                    Contents::Entries(entries, _) => Kind::Mapping(entries),
                };
                self.finish(Node { place, anchor, kind });
            }
            _ => {}
        }
    }

    /// Puts a finished value where it belongs. Only the first document counts, and nothing below a depth that no
    /// module has.
    fn finish(&mut self, node: Node) {
        if self.documents > 1 || self.open.len() > MAX_DEPTH {
            return;
        }
        match self.open.last_mut().map(|open| &mut open.contents) {
            None => self.tree.root = Some(node),
            Some(Contents::Items(items)) => items.push(node),
            Some(Contents::Entries(entries, key)) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
        }
    }

    fn check_word(&mut self, word: &str, place: Place) {
        let in_brackets = self.open.last().is_some_and(|open| open.flow);
        if in_brackets && (word.contains('?') || word.starts_with(':')) {
            let message = "a word with `?` in it or `:` before it needs quotes inside brackets";
            self.tree.refused.push((place, message));
        }
    }

    fn check_anchor(&mut self, name: &str, place: Place, range: Option<(usize, usize)>) {
        let plain = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        let behind = range.and_then(|(_, end)| self.text.as_bytes().get(end));
        if !plain || behind.is_some_and(|b| !b.is_ascii_whitespace()) {
            let message = "an anchor's name may have letters, digits, `_` and `-`, and a blank follows it";
            self.tree.refused.push((place, message));
        }
    }

    /// A safe loader knows YAML's own tags only.
    fn check_tag(&mut self, place: Place, tag: Option<&Tag>) {
        if tag.is_some_and(|tag| tag.handle() != "tag:yaml.org,2002:") {
            self.tree
                .refused
                .push((place, "cloud-init's reader knows no tags but YAML's own"));
        }
    }
}
