//! What YAML 1.1 takes a word without quotes for, after `PyYAML`'s resolver, which is cloud-init's.

use std::fmt;

/// A type that a plain scalar resolves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Null,
    Boolean,
    Integer,
    Float,
    Date,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Null => "nothing",
            Self::Boolean => "a boolean",
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::Date => "a date",
        })
    }
}

/// The type of a plain scalar.
pub(super) fn resolve(word: &str) -> Type {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => return Type::Null,
        "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | "on"
        | "On" | "ON" | "off" | "Off" | "OFF" => return Type::Boolean,
        ".nan" | ".NaN" | ".NAN" => return Type::Float,
        _ => {}
    }
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    if is_integer(unsigned) {
        Type::Integer
    } else if is_float(unsigned, word.len() == unsigned.len()) {
        Type::Float
    } else if is_date(word) {
        Type::Date
    } else {
        Type::Text
    }
}

/// The number that an [`Type::Integer`] stands for; `None` where it is larger than 64 bits.
#[cfg(feature = "schema")]
pub(super) fn integer(word: &str) -> Option<i64> {
    let digits = word.replace('_', "");
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let value = if let Some(binary) = digits.strip_prefix("0b") {
        i64::from_str_radix(binary, 2).ok()?
    } else if let Some(hex) = digits.strip_prefix("0x") {
        i64::from_str_radix(hex, 16).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        i64::from_str_radix(digits, 8).ok()?
    } else {
        let mut value: i64 = 0;
        for part in digits.split(':') {
            value = value.checked_mul(60)?.checked_add(part.parse().ok()?)?;
        }
        value
    };
    Some(if negative { -value } else { value })
}

fn is_integer(word: &str) -> bool {
    let all = |digits: &str, known: fn(u8) -> bool| !digits.is_empty() && digits.bytes().all(|b| b == b'_' || known(b));
    if let Some(digits) = word.strip_prefix("0b") {
        return all(digits, |b| matches!(b, b'0' | b'1'));
    }
    if let Some(digits) = word.strip_prefix("0x") {
        return all(digits, |b| b.is_ascii_hexdigit());
    }
    if let Some(digits) = word.strip_prefix('0') {
        return digits.is_empty() || all(digits, |b| matches!(b, b'0'..=b'7'));
    }
    let mut parts = word.split(':');
    let first = parts.next().unwrap_or_default();
    first.starts_with(|c: char| c.is_ascii_digit())
        && all(first, |b| b.is_ascii_digit())
        && parts.all(is_sexagesimal_digit)
}

/// `0` to `59`, with or without a leading zero.
fn is_sexagesimal_digit(part: &str) -> bool {
    match part.as_bytes() {
        [low] => low.is_ascii_digit(),
        [high, low] => matches!(high, b'0'..=b'5') && low.is_ascii_digit(),
        _ => false,
    }
}

fn is_float(word: &str, without_sign: bool) -> bool {
    if matches!(word, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (mantissa, exponent) = match word.find(['e', 'E']) {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    };
    // YAML 1.1 wants a sign in the exponent: `1e3` is text.
    let exponent_fits = exponent.is_none_or(|digits| {
        digits
            .strip_prefix(['-', '+'])
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    });
    let Some((whole, fraction)) = mantissa.split_once('.') else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|b| b == b'_' || b.is_ascii_digit());
    if !exponent_fits || !digits(fraction) {
        return false;
    }
    if whole.is_empty() {
        return without_sign && fraction.starts_with(|c: char| c.is_ascii_digit());
    }
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let sexagesimal = whole.contains(':');
    first.starts_with(|c: char| c.is_ascii_digit())
        && digits(first)
        && parts.all(is_sexagesimal_digit)
        && !(sexagesimal && exponent.is_some())
}

/// `2024-01-31`, or a date of any width of its parts with a time behind it.
fn is_date(word: &str) -> bool {
    let (date, time) = match word.find(['T', 't', ' ', '\t']) {
        Some(at) => (&word[..at], Some(word[at + 1..].trim_start())),
        None => (word, None),
    };
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    let Some(time) = time else {
        return number(year, 4, 4) && number(month, 2, 2) && number(day, 2, 2);
    };
    let mut clock = time.splitn(3, ':');
    number(year, 4, 4)
        && number(month, 1, 2)
        && number(day, 1, 2)
        && clock.next().is_some_and(|hour| number(hour, 1, 2))
        && clock.next().is_some_and(|minute| number(minute, 2, 2))
        && clock
            .next()
            .is_some_and(|second| second.len() >= 2 && second.bytes().take(2).all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_resolve_as_pyyaml_resolves_them() {
        for (word, expected) in [
            ("no", Type::Boolean),
            ("y", Type::Text),
            ("0644", Type::Integer),
            ("0o644", Type::Text),
            ("0899", Type::Text),
            ("1_000", Type::Integer),
            ("_1", Type::Text),
            ("12:34:56", Type::Integer),
            ("1:60", Type::Text),
            ("190:20:30.15", Type::Float),
            ("1e3", Type::Text),
            ("1.5e+3", Type::Float),
            ("1.5e3", Type::Text),
            (".5", Type::Float),
            ("-.5", Type::Text),
            ("-.inf", Type::Float),
            ("-.nan", Type::Text),
            ("2024-01-01", Type::Date),
            ("2024-1-1", Type::Text),
            ("2001-12-14t21:59:43.10-05:00", Type::Date),
            ("", Type::Null),
            ("~", Type::Null),
            ("192.168.6.1", Type::Text),
            ("00:50:56:3f:00:0a", Type::Text),
            ("k3s-master1", Type::Text),
        ] {
            assert_eq!(resolve(word), expected, "{word:?}");
        }
    }
}
