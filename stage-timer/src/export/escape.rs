//! Foreign text inside of markup.

use std::fmt::{self, Display, Write as _};

/// Shows the text so that it means itself in XML and HTML, in content and in quoted attributes. Characters that XML
/// cannot hold at all are left out.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\t' | '\n' => f.write_char(' ')?,
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_name_stays_text() {
        assert_eq!(
            Escaped("<b a='1'>\"&\u{0}\u{7}\n한글").to_string(),
            "&lt;b a=&#39;1&#39;&gt;&quot;&amp; 한글"
        );
    }
}
