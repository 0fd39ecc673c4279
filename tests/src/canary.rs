//! Secrets that are known, and the search for them in whatever was written or printed.
//!
//! A secret that leaks seldom does so as it is: it is quoted for JSON, YAML, a shell or a URL, or encoded. All those forms
//! are looked for.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Secrets by their names, and every form of each that is looked for.
#[derive(Debug, Clone, Default)]
pub struct Canaries {
    forms: Vec<(String, Vec<u8>)>,
    names: BTreeSet<String>,
}

impl Canaries {
    /// A secret text, in all its forms. Nothing happens if it is known already.
    pub fn text(&mut self, name: &str, value: &str) {
        let mut forms = encoded(value.as_bytes());
        forms.extend(quoted(value).into_iter().map(String::into_bytes));
        self.add(name, forms);
    }

    /// Secret bytes, such as the number that a private key is.
    pub fn bytes(&mut self, name: &str, value: &[u8]) {
        self.add(name, encoded(value));
    }

    fn add(&mut self, name: &str, forms: Vec<Vec<u8>>) {
        self.names.insert(name.to_owned());
        for form in forms {
            assert!(
                form.len() >= 8,
                "a form of {name} is so short that it is found by chance"
            );
            if !self.forms.iter().any(|(_, known)| *known == form) {
                self.forms.push((name.to_owned(), form));
            }
        }
    }

    /// The names of the secrets.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Ready to search for.
    ///
    /// # Panics
    ///
    /// If there are more forms than can be searched for at once.
    pub fn searcher(&self) -> Searcher<'_> {
        let patterns = self.forms.iter().map(|(_, form)| form);
        Searcher {
            canaries: self,
            automaton: AhoCorasick::new(patterns).expect("some hundred short patterns"),
        }
    }
}

/// All forms of all secrets, searched for in one go.
#[derive(Debug)]
pub struct Searcher<'a> {
    canaries: &'a Canaries,
    automaton: AhoCorasick,
}

impl Searcher<'_> {
    /// The names of the secrets that are in there: as they are, broken into lines, or compressed with gzip, also in Base64.
    pub fn search(&self, bytes: &[u8]) -> BTreeSet<String> {
        let mut found = self.plain(bytes);
        // Encoded texts are broken into lines, indented, and those written as `\n` within JSON.
        let joined: Vec<u8> = String::from_utf8_lossy(bytes)
            .replace("\\r", "")
            .replace("\\n", "")
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace() && *byte != 0)
            .collect();
        found.extend(self.plain(&joined));
        for packed in [unpack(bytes, b"\x1f\x8b\x08"), decode(bytes, b"H4sI")]
            .into_iter()
            .flatten()
        {
            found.extend(self.plain(&packed));
        }
        found
    }

    fn plain(&self, bytes: &[u8]) -> BTreeSet<String> {
        let forms = &self.canaries.forms;
        let hits = self.automaton.find_overlapping_iter(bytes);
        hits.map(|hit| forms[hit.pattern().as_usize()].0.clone()).collect()
    }
}

fn unpack(bytes: &[u8], magic: &[u8]) -> Option<Vec<u8>> {
    let at = bytes.windows(magic.len()).position(|window| window == magic)?;
    let mut out = Vec::new();
    // What can be unpacked before the stream breaks is enough.
    let _ = flate2::read::GzDecoder::new(&bytes[at..])
        .take(1 << 24)
        .read_to_end(&mut out);
    Some(out).filter(|out| !out.is_empty())
}

/// The gzip stream whose Base64 begins with this.
fn decode(bytes: &[u8], begin: &[u8]) -> Option<Vec<u8>> {
    let at = bytes.windows(begin.len()).position(|window| window == begin)?;
    let rest = bytes[at..].iter().copied();
    let mut digits: Vec<u8> = rest
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'\r' | b'\n' | b' '))
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    digits.truncate(digits.len() / 4 * 4);
    unpack(&STANDARD_NO_PAD.decode(digits).ok()?, b"\x1f\x8b\x08")
}

/// The bytes as they are, in hexadecimal, in UTF-16, and in Base64 wherever in its groups of three they begin.
fn encoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let mut forms = vec![bytes.to_vec(), hex.to_ascii_uppercase().into_bytes(), hex.into_bytes()];
    forms.push(bytes.iter().flat_map(|byte| [*byte, 0]).collect());
    for skip in 0..3 {
        let mut shifted = vec![0; skip];
        shifted.extend_from_slice(bytes);
        // What depends on the bytes before and behind is left out.
        let end = shifted.len() / 3 * 4;
        let begin = if skip == 0 { 0 } else { 4 };
        for text in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            forms.push(text.as_bytes()[begin..end].to_vec());
        }
    }
    forms
}

/// The text as it stands in JSON, YAML, a shell's line, a URL, HTML, a VMX file, Rust's `Debug`; and JSON within JSON.
fn quoted(text: &str) -> Vec<String> {
    let json = |text: &str| {
        let quoted = serde_json::Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let escape = |plain: &dyn Fn(char) -> bool, form: &dyn Fn(u8) -> String| {
        text.chars().fold(String::new(), |mut out, c| {
            if plain(c) {
                out.push(c);
            } else {
                out.extend(c.to_string().bytes().map(form));
            }
            out
        })
    };
    let percent = escape(&|c| c.is_ascii_alphanumeric() || "-_.~".contains(c), &|byte| {
        format!("%{byte:02X}")
    });
    let html = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let debug = format!("{text:?}");
    vec![
        json(text),
        json(&json(text)),
        text.replace('\'', "''"),
        text.replace('\'', "'\\''"),
        text.replace('\'', "'\"'\"'"),
        percent.to_ascii_lowercase(),
        percent,
        html.replace('\'', "&#39;"),
        html.replace('\'', "&#x27;"),
        html,
        debug[1..debug.len() - 1].to_owned(),
        escape(&|c| !"|\"".contains(c), &|byte| format!("|{byte:02X}")),
    ]
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const SECRET: &str = "it's a \"se/cret\" & |more?";

    fn finds(bytes: &[u8]) -> bool {
        let mut canaries = Canaries::default();
        canaries.text("secret", SECRET);
        canaries.searcher().search(bytes).contains("secret")
    }

    #[test]
    fn a_secret_is_found_in_whatever_form_it_is_written() {
        let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let wrapped: Vec<String> = base64(&format!("..{SECRET}.."))
            .as_bytes()
            .chunks(7)
            .map(|c| String::from_utf8_lossy(c).into())
            .collect();
        let forms = [
            SECRET.to_owned(),
            format!("{:?}", Some(SECRET)),
            serde_json::json!({"a": SECRET}).to_string(),
            serde_json::json!({"a": serde_json::json!({"b": SECRET}).to_string()}).to_string(),
            serde_saphyr::to_string(&[SECRET]).unwrap(),
            base64(SECRET),
            base64(&format!("x{SECRET}")),
            base64(&format!("xy{SECRET}z")),
            wrapped.join("\n    "),
            serde_json::json!({"wrapped": wrapped.join("\n")}).to_string(),
        ];
        for form in forms {
            assert!(finds(form.as_bytes()), "{form}");
        }
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(SECRET.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        assert!(finds(&packed) && finds(base64::engine::general_purpose::STANDARD.encode(packed).as_bytes()));
        assert!(!finds(b"something else"));
    }
}
