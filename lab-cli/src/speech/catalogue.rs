//! Pairs of sentences with gaps, and the look-up of a finished sentence among them.

use std::borrow::Cow;
use std::collections::HashMap;

/// How deep what fills a gap is itself looked up.
const DEPTH: usize = 6;

/// A catalogue: `en: there is no node {node}` on one line, `ko: …` on the next, with the same gaps in any order.
pub(super) struct Catalogue {
    exact: HashMap<&'static str, &'static str>,
    /// Those with gaps, the ones with most fixed text first: the most particular one counts.
    gapped: Vec<Sentence>,
}

/// A sentence with gaps.
struct Sentence {
    /// The fixed parts: one more than there are gaps.
    fixed: Vec<&'static str>,
    /// The gaps' names.
    gaps: Vec<&'static str>,
    translation: &'static str,
}

impl Catalogue {
    pub(super) fn parse(texts: &[&'static str]) -> Self {
        let (mut exact, mut gapped) = (HashMap::new(), Vec::new());
        for (en, translation) in pairs(texts) {
            let (fixed, gaps) = split(en);
            if gaps.is_empty() {
                exact.insert(en, translation);
            } else {
                gapped.push(Sentence {
                    fixed,
                    gaps,
                    translation,
                });
            }
        }
        gapped.sort_by_key(|s| std::cmp::Reverse(s.fixed.iter().map(|f| f.len()).sum::<usize>()));
        Self { exact, gapped }
    }

    /// The translation, or the sentence itself.
    pub(super) fn translate<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.look_up(text, DEPTH).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    fn look_up(&self, text: &str, depth: usize) -> Option<String> {
        if depth == 0 {
            return None;
        }
        if let Some(found) = self.exact.get(text) {
            return Some((*found).to_owned());
        }
        for sentence in &self.gapped {
            if let Some(filled) = sentence.matches(text) {
                let value = |gap| sentence.gaps.iter().position(|g| *g == gap).map_or("", |i| filled[i]);
                let (fixed, gaps) = split(sentence.translation);
                let mut translated = fixed[0].to_owned();
                for (gap, fixed) in gaps.into_iter().zip(&fixed[1..]) {
                    let value = value(gap);
                    translated.push_str(&self.look_up(value, depth - 1).unwrap_or_else(|| value.to_owned()));
                    translated.push_str(fixed);
                }
                return Some(translated);
            }
        }
        // Sentences that were joined: `node: what: why`, `one; another`.
        for joint in ["; ", ": "] {
            if let Some((first, rest)) = text.split_once(joint) {
                let (a, b) = (self.look_up(first, depth - 1), self.look_up(rest, depth - 1));
                if a.is_some() || b.is_some() {
                    let (a, b) = (
                        a.unwrap_or_else(|| first.to_owned()),
                        b.unwrap_or_else(|| rest.to_owned()),
                    );
                    return Some(format!("{a}{joint}{b}"));
                }
            }
        }
        None
    }
}

impl Sentence {
    /// What fills the gaps, if this is the sentence. A gap ends where the next fixed part first comes; none is empty.
    fn matches<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let (first, others) = self.fixed.split_first()?;
        let mut rest = text.strip_prefix(first)?;
        let mut filled = Vec::with_capacity(self.gaps.len());
        for (i, fixed) in others.iter().enumerate() {
            let end = if i + 1 == others.len() {
                rest.ends_with(fixed).then(|| rest.len() - fixed.len())?
            } else {
                rest.find(fixed)?
            };
            if end == 0 {
                return None;
            }
            filled.push(&rest[..end]);
            rest = &rest[end + fixed.len()..];
        }
        Some(filled)
    }
}

/// The pairs of all texts. Lines that begin with `#` are for people.
pub(super) fn pairs(texts: &[&'static str]) -> impl Iterator<Item = (&'static str, &'static str)> {
    texts.iter().flat_map(|text| {
        let mut english = None;
        text.lines().filter_map(move |line| {
            if let Some(en) = line.strip_prefix("en: ") {
                english = Some(en);
                None
            } else {
                line.strip_prefix("ko: ").and_then(|ko| Some((english.take()?, ko)))
            }
        })
    })
}

/// The fixed parts and the names of the gaps between them. A gap is `{name}`; any other brace is text.
pub(super) fn split(text: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut fixed, mut gaps) = (Vec::new(), Vec::new());
    let (mut start, mut from) = (0, 0);
    while let Some(open) = text[from..].find('{').map(|i| i + from) {
        let name = text[open + 1..].split('}').next().unwrap_or_default();
        let is_gap = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if is_gap && text[open + 1 + name.len()..].starts_with('}') {
            fixed.push(&text[start..open]);
            gaps.push(name);
            start = open + name.len() + 2;
            from = start;
        } else {
            from = open + 1;
        }
    }
    fixed.push(&text[start..]);
    (fixed, gaps)
}
