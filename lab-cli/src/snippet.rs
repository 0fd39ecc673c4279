//! The lines of lab.toml around a mistake, drawn by miette.

use std::fmt;

use lab_engine::config::ConfigError;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// How wide the drawing may be. Not the terminal's width: miette cuts nothing, it only folds messages.
const WIDTH: usize = 100;

/// A mistake as miette sees it: only its place, since the message and the help are written around the drawing.
struct Place {
    source: NamedSource<String>,
    label: LabeledSpan,
}

/// The drawing, or nothing for a mistake that is not in a file.
pub(crate) fn draw(error: &ConfigError) -> String {
    let (Some(text), Some(span)) = (&error.source_text, error.span.clone()) else {
        return String::new();
    };
    // A span that ends beyond the text (a file that stops too early) is still shown.
    let span = span.start.min(text.len())..span.end.min(text.len());
    let place = Place {
        source: NamedSource::new(&error.origin, text.clone()),
        label: LabeledSpan::underline(span),
    };
    // In colours: whoever writes it takes them out where they are not wanted.
    let mut drawn = String::new();
    if GraphicalReportHandler::new_themed(GraphicalTheme::unicode())
        .with_width(WIDTH)
        .render_report(&mut drawn, &place)
        .is_err()
    {
        return String::new();
    }
    // The first line is for the message, which stands above the drawing already.
    let picture = drawn.split_once('\n').map_or("", |(_, rest)| rest);
    format!("{}\n", picture.trim_end())
}

impl Diagnostic for Place {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(self.label.clone())))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Place {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str, span: std::ops::Range<usize>) -> ConfigError {
        ConfigError {
            origin: "lab.toml".to_owned(),
            source_text: Some(text.to_owned()),
            span: Some(span),
            message: "wrong".to_owned(),
            help: None,
        }
    }

    #[test]
    fn the_wrong_bytes_are_underlined_with_their_place() {
        let drawn = anstream::adapter::strip_str(&draw(&error("[vm]\ncpus = \"two\"\n", 12..17))).to_string();
        assert!(drawn.contains("lab.toml:2:8"), "{drawn}");
        assert!(drawn.contains("cpus = \"two\""), "{drawn}");
        assert!(!drawn.contains('×'), "{drawn}");
    }

    #[test]
    fn a_span_beyond_the_end_of_the_text_is_no_panic() {
        draw(&error("[vm", 3..9));
        draw(&error("", 0..1));
        draw(&error("한글 = 1\n", 0..6));
    }
}
