//! Escapes and character sets of `.vmx` values.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// The character set of a file's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TextEncoding {
    Known(&'static Encoding),
    /// Only ASCII can be read and written.
    Unknown(String),
}

impl TextEncoding {
    /// The encoding that `.encoding` names: `UTF-8`, `windows-1252`, `Big5`, `Shift_JIS`, `GBK`, `windows-949`, …
    pub(super) fn named(label: &str) -> Self {
        let label = label.trim();
        // VMware's name for Korean Windows' code page is not among the names that the web knows.
        let web = match label.to_ascii_lowercase().as_str() {
            "cp949" | "ms949" => "windows-949".to_owned(),
            "cp936" => "gbk".to_owned(),
            "cp932" | "windows-932" => "shift_jis".to_owned(),
            "cp950" | "windows-950" => "big5".to_owned(),
            other => other.to_owned(),
        };
        match Encoding::for_label(web.as_bytes()) {
            // UTF-16 cannot be written, and in ISO-2022-JP ASCII bytes mean other characters; no VMware product declares
            // them.
            Some(encoding) if encoding.is_ascii_compatible() => Self::Known(encoding),
            _ => Self::Unknown(label.to_owned()),
        }
    }

    /// For a file that declares none.
    pub(super) fn guess<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Self {
        Self::Known(if lines.all(|line| str::from_utf8(line).is_ok()) {
            UTF_8
        } else {
            WINDOWS_1252
        })
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Known(encoding) => encoding.name(),
            Self::Unknown(name) => name,
        }
    }

    /// Undecodable bytes are replaced.
    pub(super) fn decode(&self, bytes: &[u8]) -> String {
        match self {
            Self::Known(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
            Self::Unknown(_) => bytes
                .iter()
                .map(|&b| if b.is_ascii() { char::from(b) } else { '\u{fffd}' })
                .collect(),
        }
    }

    /// `None` if a byte is not decodable.
    pub(super) fn decode_exactly(&self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Known(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(std::borrow::Cow::into_owned),
            Self::Unknown(_) => bytes.is_ascii().then(|| self.decode(bytes)),
        }
    }

    /// `None` if a character is not encodable, or would be read back as another one.
    pub(super) fn encode(&self, text: &str) -> Option<Vec<u8>> {
        let bytes = match self {
            Self::Known(encoding) => match encoding.encode(text) {
                (bytes, _, false) => bytes.into_owned(),
                _ => return None,
            },
            Self::Unknown(_) => text.is_ascii().then(|| text.as_bytes().to_vec())?,
        };
        (self.decode_exactly(&bytes)? == text).then_some(bytes)
    }
}

/// `|`, `"`, `#` and control characters as `|XX`.
pub(super) fn escape(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for &b in value {
        if b == b'|' || b == b'"' || b == b'#' || b.is_ascii_control() {
            out.extend_from_slice(format!("|{b:02X}").as_bytes());
        } else {
            out.push(b);
        }
    }
    out
}

/// `|XX` as the byte that it means; a `|` that begins no escape stays.
pub(super) fn unescape(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'|').then(|| tail.get(..2)).flatten().and_then(hex);
        if let Some(byte) = escaped {
            out.push(byte);
            rest = &tail[2..];
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

fn hex(digits: &[u8]) -> Option<u8> {
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}
