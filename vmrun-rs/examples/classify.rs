//! Reads what `vmrun` printed on standard input and says what it means, as JSON:
//!
//! ```text
//! vmrun -T ws start x.vmx nogui | classify --exit 255
//! {"class":"file_locked","vix":15,"retryable":true,"summary":"…","hint":"…"}
//! ```

use std::io::{Read, Write};

use vmrun_rs::failure::classify;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut exit = Some(255);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let code = match arg.strip_prefix("--exit") {
            Some("") => args.next(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        // Windows shows -1 as 4294967295.
        let code: i64 = code.ok_or("usage: classify [--exit CODE] <OUTPUT")?.parse()?;
        exit = Some(i32::try_from(code).or_else(|_| u32::try_from(code).map(u32::cast_signed))?);
    }
    let mut output = Vec::new();
    std::io::stdin().read_to_end(&mut output)?;
    let json = match classify(exit, &output, b"") {
        Some(failure) => serde_json::json!({
            "class": failure.class,
            "vix": failure.vix,
            "retryable": failure.retryable,
            "summary": failure.summary,
            "hint": failure.hint,
        }),
        None => serde_json::json!({
            "class": "none", "vix": null, "retryable": false, "summary": "no failure", "hint": "",
        }),
    };
    writeln!(std::io::stdout(), "{json}")?;
    Ok(())
}
