//! The small programs of a guest.

mod files;
mod services;

use super::logs;
use super::run::{Power, Shell, Streams};
use files::{each_file, grep, head_tail, ls, mkdir, mv, rm, wc};
use services::{kubectl, power, systemctl};

/// Where programs are, for `command -v`.
const PROGRAMS: [&str; 34] = [
    "[",
    "cat",
    "chmod",
    "cut",
    "date",
    "env",
    "false",
    "grep",
    "head",
    "hostname",
    "id",
    "ip",
    "journalctl",
    "ls",
    "mkdir",
    "mv",
    "poweroff",
    "printf",
    "pwd",
    "reboot",
    "rm",
    "sh",
    "shutdown",
    "sleep",
    "stat",
    "sudo",
    "sync",
    "systemctl",
    "tail",
    "test",
    "timeout",
    "touch",
    "true",
    "wc",
];

pub(super) fn run(shell: &mut Shell<'_, '_>, words: &[String], stdin: &[u8], out: &mut Streams) -> i32 {
    let name = words[0].rsplit('/').next().unwrap_or_default();
    let args = &words[1..];
    match name {
        "true" | ":" | "sync" | "umask" | "export" | "chmod" | "chown" | "trap" => 0,
        "false" => 1,
        "echo" => {
            let (newline, said) = match args.split_first() {
                Some((first, rest)) if first == "-n" => ("", rest),
                _ => ("\n", args),
            };
            out.stdout.extend(said.join(" ").bytes());
            out.stdout.extend(newline.bytes());
            0
        }
        "printf" => {
            out.stdout.extend(printf(args).bytes());
            0
        }
        "pwd" => say(out, &shell.directory.clone()),
        "cd" => cd(shell, args, out),
        "hostname" | "uname" => say(out, shell.env.hostname),
        "whoami" => say(out, if shell.root { "root" } else { shell.env.user }),
        "id" => say(out, if shell.root { "0" } else { "1000" }),
        "command" => match args.get(1) {
            Some(wanted) if PROGRAMS.contains(&wanted.as_str()) => say(out, &format!("/usr/bin/{wanted}")),
            _ => 127,
        },
        "sudo" => sudo(shell, args, stdin, out),
        "env" => passed_on(shell, args, stdin, out, |word| word.contains('=')),
        "nohup" | "nice" => passed_on(shell, args, stdin, out, |_| false),
        "timeout" => timeout(shell, args, stdin, out),
        "sleep" => {
            shell.slept += args.first().and_then(|s| s.parse::<f64>().ok()).unwrap_or(0.0);
            0
        }
        "sh" | "bash" | "dash" => sh(shell, args, stdin, out),
        "test" => i32::from(!test(shell, args)),
        "[" => i32::from(!test(shell, args.strip_suffix(&["]".to_owned()]).unwrap_or(args))),
        "cat" => each_file(shell, args, stdin, out, "cat", |bytes, out| out.stdout.extend(bytes)),
        "head" | "tail" => head_tail(shell, name, args, stdin, out),
        "wc" => wc(shell, args, stdin, out),
        "grep" => grep(shell, args, stdin, out),
        "ls" => ls(shell, args, out),
        "mkdir" => mkdir(shell, args, out),
        "touch" => {
            for path in operands(args) {
                let path = shell.absolute(path);
                if shell.env.disk.read(&path, true).is_err() {
                    let _ = shell.env.disk.write(&path, Vec::new(), shell.root);
                }
            }
            0
        }
        "rm" => rm(shell, args, out),
        "mv" | "cp" => mv(shell, name, args, out),
        "k3s" | "kubectl" => kubectl(shell, name, args, out),
        "journalctl" => logs::journalctl(shell, args, out),
        "dmesg" => say(out, &format!("-- no entries of {} --", shell.env.hostname)),
        "poweroff" | "shutdown" | "halt" => power(shell, out, Power::Off),
        "reboot" => power(shell, out, Power::Reboot),
        "systemctl" => systemctl(shell, args, out),
        _ => {
            out.complain(&format!("sh: 1: {name}: not found"));
            127
        }
    }
}

fn say(out: &mut Streams, text: &str) -> i32 {
    out.say(text);
    0
}

fn operands(args: &[String]) -> impl Iterator<Item = &String> {
    args.iter().filter(|arg| !arg.starts_with('-'))
}

fn printf(args: &[String]) -> String {
    let Some((format, values)) = args.split_first() else {
        return String::new();
    };
    let format = format.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0");
    if !format.contains("%s") {
        return format;
    }
    let one = |value: &String| format.replacen("%s", value, 1);
    values.iter().map(one).collect()
}

fn cd(shell: &mut Shell<'_, '_>, args: &[String], out: &mut Streams) -> i32 {
    let target = match args.first() {
        Some(path) => shell.absolute(path),
        None => shell.variables.get("HOME").cloned().unwrap_or_else(|| "/".to_owned()),
    };
    if !shell.env.disk.is_directory(&target) {
        out.complain(&format!("sh: 1: cd: can't cd to {target}"));
        return 2;
    }
    shell.directory = target;
    0
}

fn sudo(shell: &mut Shell<'_, '_>, args: &[String], stdin: &[u8], out: &mut Streams) -> i32 {
    let skip = args.iter().take_while(|arg| arg.starts_with('-')).count();
    let Some(command) = args.get(skip..).filter(|rest| !rest.is_empty()) else {
        return 1;
    };
    let before = std::mem::replace(&mut shell.root, true);
    let exit = shell.program(command, stdin, out);
    shell.root = before;
    exit
}

fn passed_on(
    shell: &mut Shell<'_, '_>,
    args: &[String],
    stdin: &[u8],
    out: &mut Streams,
    skipped: impl Fn(&str) -> bool,
) -> i32 {
    let skip = args
        .iter()
        .take_while(|arg| arg.starts_with('-') || skipped(arg))
        .count();
    match args.get(skip..) {
        Some(rest) if !rest.is_empty() => shell.program(rest, stdin, out),
        _ => 0,
    }
}

fn timeout(shell: &mut Shell<'_, '_>, args: &[String], stdin: &[u8], out: &mut Streams) -> i32 {
    let mut rest = args;
    while let [flag, more @ ..] = rest
        && flag.starts_with('-')
    {
        rest = if flag == "-k" || flag == "-s" {
            more.get(1..).unwrap_or_default()
        } else {
            more
        };
    }
    let [limit, command @ ..] = rest else { return 125 };
    let limit = limit.trim_end_matches('s').parse::<f64>().unwrap_or(f64::MAX);
    let before = shell.slept;
    let exit = if command.is_empty() {
        125
    } else {
        shell.program(command, stdin, out)
    };
    if shell.slept - before > limit {
        shell.slept = before + limit;
        return 124;
    }
    exit
}

fn sh(shell: &mut Shell<'_, '_>, args: &[String], stdin: &[u8], out: &mut Streams) -> i32 {
    let [_, script, more @ ..] = args else {
        let script = String::from_utf8_lossy(stdin).into_owned();
        return shell.text(&script, b"", out);
    };
    if script.contains("# Applies one change of lab.toml inside a node.") {
        return apply(shell, more);
    }
    if script.contains("# Prints a part of a log of this node.") {
        return logs::run(shell, more, out);
    }
    let saved = (shell.variables.clone(), shell.directory.clone());
    let mut positional = more.to_vec();
    if positional.is_empty() {
        positional.push("sh".to_owned());
    }
    let positional = std::mem::replace(&mut shell.positional, positional);
    let exit = shell.text(script, stdin, out);
    shell.positional = positional;
    (shell.variables, shell.directory) = saved;
    exit
}

/// The lab's own script for changes inside a node, as far as this guest has what it changes: a failed bootstrap runs again.
fn apply(shell: &mut Shell<'_, '_>, words: &[String]) -> i32 {
    if let [_, what, ..] = words
        && what == "bootstrap"
    {
        shell.env.disk.failed = false;
        shell.env.disk.remove(crate::fake::machine::FAILED);
    }
    0
}

fn test(shell: &Shell<'_, '_>, args: &[String]) -> bool {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.trim().parse::<i64>().ok();
    match words.as_slice() {
        ["!", rest @ ..] => !test(shell, &rest.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()),
        ["-e" | "-r", path] => exists(shell, path),
        ["-f", path] => shell.env.disk.read(&shell.absolute(path), true).is_ok(),
        ["-d", path] => shell.env.disk.is_directory(&shell.absolute(path)),
        ["-s", path] => shell.read(path).is_ok_and(|bytes| !bytes.is_empty()),
        ["-n", text] | [text] => !text.is_empty(),
        ["-z", text] => text.is_empty(),
        [a, "=", b] => a == b,
        [a, "!=", b] => a != b,
        [a, "-eq", b] => number(a).is_some() && number(a) == number(b),
        [a, "-ne", b] => number(a) != number(b),
        [a, "-gt", b] => number(a) > number(b),
        _ => false,
    }
}

fn exists(shell: &Shell<'_, '_>, path: &str) -> bool {
    let absolute = shell.absolute(path);
    shell.env.disk.is_directory(&absolute) || shell.env.disk.read(&absolute, true).is_ok()
}
