//! What reads, lists and moves files.

use super::{exists, operands};
use crate::fake::shell::run::{Shell, Streams};

pub(super) fn each_file(
    shell: &Shell<'_, '_>,
    args: &[String],
    stdin: &[u8],
    out: &mut Streams,
    name: &str,
    mut take: impl FnMut(Vec<u8>, &mut Streams),
) -> i32 {
    let files: Vec<&String> = operands(args).collect();
    if files.is_empty() {
        take(stdin.to_vec(), out);
        return 0;
    }
    let mut exit = 0;
    for file in files {
        match shell.read(file) {
            Ok(bytes) => take(bytes, out),
            Err(reason) => {
                out.complain(&format!("{name}: {file}: {reason}"));
                exit = 1;
            }
        }
    }
    exit
}

pub(super) fn head_tail(shell: &Shell<'_, '_>, name: &str, args: &[String], stdin: &[u8], out: &mut Streams) -> i32 {
    let mut count = 10;
    let mut files = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.strip_prefix("-n").or_else(|| arg.strip_prefix('-')) {
            Some("") => count = args.next().and_then(|n| n.parse().ok()).unwrap_or(10),
            Some(number) => count = number.parse().unwrap_or(count),
            None => files.push(arg.clone()),
        }
    }
    each_file(shell, &files, stdin, out, name, |bytes, out| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let chosen = if name == "head" {
            &lines[..count.min(lines.len())]
        } else {
            &lines[lines.len().saturating_sub(count)..]
        };
        for line in chosen {
            out.say(line);
        }
    })
}

pub(super) fn wc(shell: &Shell<'_, '_>, args: &[String], stdin: &[u8], out: &mut Streams) -> i32 {
    let words = args.iter().any(|arg| arg == "-w");
    let lines = args.iter().any(|arg| arg == "-l");
    each_file(shell, args, stdin, out, "wc", |bytes, out| {
        let text = String::from_utf8_lossy(&bytes);
        let count = if words {
            text.split_whitespace().count()
        } else if lines {
            text.matches('\n').count()
        } else {
            bytes.len()
        };
        out.say(&count.to_string());
    })
}

pub(super) fn grep(shell: &Shell<'_, '_>, args: &[String], stdin: &[u8], out: &mut Streams) -> i32 {
    let quiet = args.iter().any(|arg| arg.starts_with("-q"));
    let words: Vec<String> = operands(args).cloned().collect();
    let Some((pattern, files)) = words.split_first() else {
        return 2;
    };
    let mut found = false;
    let exit = each_file(shell, files, stdin, out, "grep", |bytes, out| {
        for line in String::from_utf8_lossy(&bytes)
            .lines()
            .filter(|line| line.contains(pattern.as_str()))
        {
            found = true;
            if !quiet {
                out.say(line);
            }
        }
    });
    if exit == 0 { i32::from(!found) } else { 2 }
}

pub(super) fn ls(shell: &Shell<'_, '_>, args: &[String], out: &mut Streams) -> i32 {
    let itself = args.iter().any(|arg| arg.starts_with('-') && arg.contains('d'));
    let mut exit = 0;
    for path in operands(args) {
        let absolute = shell.absolute(path);
        if !exists(shell, path) {
            out.complain(&format!("ls: cannot access '{path}': No such file or directory"));
            exit = 2;
        } else if itself || !shell.env.disk.is_directory(&absolute) {
            out.say(path);
        } else {
            for name in shell.env.disk.names(&absolute) {
                out.say(&name);
            }
        }
    }
    exit
}

pub(super) fn mkdir(shell: &mut Shell<'_, '_>, args: &[String], out: &mut Streams) -> i32 {
    let parents = args.iter().any(|arg| arg == "-p");
    for path in operands(args) {
        let absolute = shell.absolute(path);
        if !parents && exists(shell, path) {
            out.complain(&format!("mkdir: cannot create directory '{path}': File exists"));
            return 1;
        }
        shell.env.disk.make_directory(&absolute);
    }
    0
}

pub(super) fn rm(shell: &mut Shell<'_, '_>, args: &[String], out: &mut Streams) -> i32 {
    let force = args.iter().any(|arg| arg.starts_with('-') && arg.contains('f'));
    let recursive = args.iter().any(|arg| arg.starts_with('-') && arg.contains('r'));
    let mut exit = 0;
    for path in operands(args) {
        let absolute = shell.absolute(path);
        if recursive {
            shell.env.disk.remove_tree(&absolute);
        } else if !shell.env.disk.remove(&absolute) && !force {
            out.complain(&format!("rm: cannot remove '{path}': No such file or directory"));
            exit = 1;
        }
    }
    exit
}

pub(super) fn mv(shell: &mut Shell<'_, '_>, name: &str, args: &[String], out: &mut Streams) -> i32 {
    let paths: Vec<&String> = operands(args).collect();
    let [from, to] = paths.as_slice() else {
        out.complain(&format!("{name}: missing file operand"));
        return 1;
    };
    let (source, target) = (shell.absolute(from), shell.absolute(to));
    let result = shell.env.disk.read(&source, shell.root);
    match result.and_then(|bytes| shell.env.disk.write(&target, bytes, shell.root)) {
        Ok(()) => {
            if name == "mv" {
                shell.env.disk.remove(&source);
            }
            0
        }
        Err(reason) => {
            out.complain(&format!("{name}: cannot stat '{from}': {reason}"));
            1
        }
    }
}
