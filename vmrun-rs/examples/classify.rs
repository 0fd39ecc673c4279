//! Reads what `vmrun` printed on standard input and says what it means, as JSON:
//!
//! ```text
//! vmrun -T ws start x.vmx nogui | classify --exit 255
//! {"class":"file_locked","vix":15,"retryable":true,"summary":"…","hint":"…"}
//! ```
//!
//! Without `--exit` only the text counts: then what is not known to be an error is none (`"class":"none"`).

use std::io::{Read, Write};
use std::process::ExitCode;

use vmrun_rs::failure::classify;

const USAGE: &str = "usage: classify [--exit CODE] <OUTPUT";

/// Windows shows -1 as 4294967295.
fn exit_code(text: &str) -> Option<i32> {
    let code: i64 = text.trim().parse().ok()?;
    i32::try_from(code)
        .or_else(|_| u32::try_from(code).map(u32::cast_signed))
        .ok()
}

fn arguments() -> Result<i32, String> {
    let mut args = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned());
    let mut exit = 0;
    while let Some(arg) = args.next() {
        let code = match arg.strip_prefix("--exit") {
            Some("") => args.next(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        let code = code.ok_or_else(|| format!("{arg} is not understood; {USAGE}"))?;
        exit = exit_code(&code).ok_or_else(|| format!("{code:?} is no exit code; {USAGE}"))?;
    }
    Ok(exit)
}

fn main() -> ExitCode {
    if std::env::args_os().skip(1).any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let exit = match arguments() {
        Ok(exit) => exit,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let mut output = Vec::new();
    if let Err(error) = std::io::stdin().read_to_end(&mut output) {
        eprintln!("cannot read standard input: {error}");
        return ExitCode::FAILURE;
    }
    let json = match classify(Some(exit), &output, b"") {
        // In this order.
        Some(failure) => format!(
            r#"{{"class":{},"vix":{},"retryable":{},"summary":{},"hint":{}}}"#,
            serde_json::json!(failure.class),
            serde_json::json!(failure.vix),
            failure.retryable,
            serde_json::json!(failure.summary),
            serde_json::json!(failure.hint),
        ),
        None => r#"{"class":"none","vix":null,"retryable":false,"summary":"no failure","hint":""}"#.to_owned(),
    };
    match writeln!(std::io::stdout(), "{json}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
