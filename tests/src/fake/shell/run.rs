//! Running what was parsed, in a guest.

use std::collections::BTreeMap;

use super::parse::{self, AndOr, Command, Kind, List, Pipeline, What, Word};
use super::tools;
use crate::fake::disk::Disk;

/// Where commands run.
pub(crate) struct Environment<'a> {
    pub(crate) disk: &'a mut Disk,
    pub(crate) hostname: &'a str,
    pub(crate) user: &'a str,
    /// What `kubectl get nodes` and `get pods` answer here; why not, where k3s does not answer.
    pub(crate) nodes: Result<String, String>,
    pub(crate) pods: Result<String, String>,
    /// Changes at each boot.
    pub(crate) boot_id: String,
    /// Virtual seconds since power-on.
    pub(crate) uptime: f64,
}

/// What a line left behind.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Outcome {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) exit: i32,
    /// Virtual seconds that it slept.
    pub(crate) slept: f64,
    /// What it asked the machine to do.
    pub(crate) power: Option<Power>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Off,
    Reboot,
}

/// Runs a line as the guest's user.
pub(crate) fn run(line: &str, stdin: &[u8], environment: &mut Environment<'_>) -> Outcome {
    let mut shell = Shell::new(environment);
    shell.home_directory();
    let mut out = Streams::default();
    let exit = shell.text(line, stdin, &mut out);
    Outcome {
        stdout: out.stdout,
        stderr: out.stderr,
        exit,
        slept: shell.slept,
        power: shell.power,
    }
}

#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Streams {
    pub(super) fn say(&mut self, text: &str) {
        self.stdout.extend_from_slice(text.as_bytes());
        self.stdout.push(b'\n');
    }

    pub(super) fn complain(&mut self, text: &str) {
        self.stderr.extend_from_slice(text.as_bytes());
        self.stderr.push(b'\n');
    }
}

pub(super) struct Shell<'a, 'b> {
    pub(super) env: &'a mut Environment<'b>,
    pub(super) root: bool,
    pub(super) directory: String,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) positional: Vec<String>,
    pub(super) slept: f64,
    pub(super) power: Option<Power>,
    pub(super) last: i32,
    /// Whether a command substitution ran since this was last cleared.
    pub(super) substituted: bool,
    pub(super) exited: bool,
    depth: usize,
}

impl<'a, 'b> Shell<'a, 'b> {
    fn new(env: &'a mut Environment<'b>) -> Self {
        Self {
            env,
            root: false,
            directory: "/".to_owned(),
            variables: BTreeMap::new(),
            positional: Vec::new(),
            slept: 0.0,
            power: None,
            last: 0,
            substituted: false,
            exited: false,
            depth: 0,
        }
    }

    fn home_directory(&mut self) {
        let home = format!("/home/{}", self.env.user);
        self.variables.insert("HOME".to_owned(), home.clone());
        self.variables.insert("USER".to_owned(), self.env.user.to_owned());
        self.env.disk.make_directory(&home);
        self.directory = home;
    }

    /// Runs text as a script of its own, as `sh -c` does.
    pub(super) fn text(&mut self, text: &str, stdin: &[u8], out: &mut Streams) -> i32 {
        if self.depth > 20 {
            out.complain("sh: too many levels");
            return 2;
        }
        match parse::parse(text) {
            Ok(list) => {
                self.depth += 1;
                let exit = self.list(&list, stdin, out);
                self.depth -= 1;
                self.exited = false;
                exit
            }
            Err(error) => {
                out.complain(&format!("sh: 1: {error}"));
                2
            }
        }
    }

    pub(super) fn list(&mut self, list: &List, stdin: &[u8], out: &mut Streams) -> i32 {
        for AndOr { first, rest } in list {
            self.last = self.pipeline(first, stdin, out);
            for (and, pipeline) in rest {
                if self.exited {
                    break;
                }
                if (self.last == 0) == *and {
                    self.last = self.pipeline(pipeline, stdin, out);
                }
            }
            if self.exited {
                break;
            }
        }
        self.last
    }

    fn pipeline(&mut self, pipeline: &Pipeline, stdin: &[u8], out: &mut Streams) -> i32 {
        let mut input = stdin.to_vec();
        let mut exit = 0;
        for (n, command) in pipeline.commands.iter().enumerate() {
            if n + 1 == pipeline.commands.len() {
                exit = self.command(command, &input, out);
            } else {
                let mut piped = Streams::default();
                self.command(command, &input, &mut piped);
                out.stderr.append(&mut piped.stderr);
                input = piped.stdout;
            }
        }
        if pipeline.negated { i32::from(exit == 0) } else { exit }
    }

    fn command(&mut self, command: &Command, stdin: &[u8], out: &mut Streams) -> i32 {
        let mut input = stdin.to_vec();
        let mut targets: [Option<Target>; 3] = [const { None }; 3];
        for redirection in &command.redirections {
            let target = self.join(&redirection.target, out);
            let stream = usize::from(redirection.stream).min(2);
            match redirection.kind {
                Kind::In => match self.read(&target) {
                    Ok(bytes) => input = bytes,
                    Err(reason) => {
                        out.complain(&format!("sh: 1: cannot open {target}: {reason}"));
                        return 2;
                    }
                },
                Kind::Duplicate => targets[stream] = Some(if target == "2" { Target::Stderr } else { Target::Stdout }),
                kind => {
                    let path = self.absolute(&target);
                    if kind == Kind::Out
                        && path != "/dev/null"
                        && let Err(reason) = self.env.disk.write(&path, Vec::new(), self.root)
                    {
                        out.complain(&format!("sh: 1: cannot create {target}: {reason}"));
                        return 2;
                    }
                    targets[stream] = Some(Target::File(path));
                }
            }
        }
        let mut own = Streams::default();
        let exit = match &command.what {
            What::Simple { assignments, words } => self.simple(assignments, words, &input, &mut own),
            What::Group(list) => self.list(list, &input, &mut own),
            What::Subshell(list) => {
                let saved = (self.directory.clone(), self.variables.clone());
                let exit = self.list(list, &input, &mut own);
                (self.directory, self.variables) = saved;
                self.exited = false;
                exit
            }
        };
        let [_, stdout, stderr] = targets;
        self.deliver(own.stdout, stdout.unwrap_or(Target::Stdout), out);
        self.deliver(own.stderr, stderr.unwrap_or(Target::Stderr), out);
        exit
    }

    fn deliver(&mut self, bytes: Vec<u8>, target: Target, out: &mut Streams) {
        match target {
            Target::Stdout => out.stdout.extend(bytes),
            Target::Stderr => out.stderr.extend(bytes),
            Target::File(path) if path == "/dev/null" => {}
            Target::File(path) => {
                let mut whole = self.env.disk.read(&path, true).unwrap_or_default();
                whole.extend(bytes);
                // It could be created above, so it can be written.
                let _ = self.env.disk.write(&path, whole, true);
            }
        }
    }

    fn simple(&mut self, assignments: &[(String, Word)], words: &[Word], stdin: &[u8], out: &mut Streams) -> i32 {
        self.substituted = false;
        for (name, word) in assignments {
            let value = self.join(word, out);
            self.variables.insert(name.clone(), value);
        }
        let mut argv = Vec::new();
        for word in words {
            self.expand(word, &mut argv, out);
        }
        if argv.is_empty() {
            // `$?` in an assignment is that of the command before; the assignment's own is 0 or that of its substitution.
            if !self.substituted {
                self.last = 0;
            }
            return self.last;
        }
        self.program(&argv, stdin, out)
    }

    /// Runs one program, or what the shell does itself.
    pub(super) fn program(&mut self, argv: &[String], stdin: &[u8], out: &mut Streams) -> i32 {
        match argv {
            [exit, code @ ..] if exit == "exit" => {
                self.exited = true;
                code.first().and_then(|code| code.parse().ok()).unwrap_or(self.last)
            }
            // The shell becomes the program: nothing behind it is run.
            [exec, program @ ..] if exec == "exec" && !program.is_empty() => {
                let code = self.program(program, stdin, out);
                self.exited = true;
                code
            }
            [set, dashes, words @ ..] if set == "set" && dashes == "--" => {
                let zero = self.positional.first().cloned().unwrap_or_else(|| "sh".to_owned());
                self.positional = [vec![zero], words.to_vec()].concat();
                0
            }
            _ => tools::run(self, argv, stdin, out),
        }
    }

    pub(super) fn absolute(&self, path: &str) -> String {
        let mut parts: Vec<&str> = if path.starts_with('/') {
            Vec::new()
        } else {
            self.directory.split('/').filter(|p| !p.is_empty()).collect()
        };
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }

    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, &'static str> {
        match self.absolute(path).as_str() {
            "/dev/null" => Ok(Vec::new()),
            "/proc/sys/kernel/random/boot_id" => Ok(format!("{}\n", self.env.boot_id).into_bytes()),
            "/proc/uptime" => Ok(format!("{:.2} 0.00\n", self.env.uptime).into_bytes()),
            path => self.env.disk.read(path, self.root),
        }
    }
}

enum Target {
    Stdout,
    Stderr,
    File(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(disk: &mut Disk, line: &str, stdin: &[u8]) -> Outcome {
        let mut environment = Environment {
            disk,
            hostname: "m",
            user: "ubuntu",
            nodes: Ok("{\"items\":[]}".to_owned()),
            pods: Err("connection refused".to_owned()),
            boot_id: "b".to_owned(),
            uptime: 3.0,
        };
        run(line, stdin, &mut environment)
    }

    fn says(line: &str) -> (i32, String) {
        let out = sh(&mut Disk::default(), line, b"");
        (out.exit, String::from_utf8(out.stdout).unwrap())
    }

    #[test]
    fn lists_quotes_parameters_and_substitution_work_as_in_sh() {
        for (line, exit, stdout) in [
            ("echo a 'b  c' \"d $HOME\"", 0, "a b  c d /home/ubuntu\n"),
            (
                "t=$(command -v timeout); sudo -n -- ${t:+$t -k 2 62} echo 'it'\\''s'",
                0,
                "it's\n",
            ),
            (
                "set -- echo 'a  b' c; command -v timeout >/dev/null && set -- timeout -k 2 62 \"$@\"; set -- sudo -n -- \"$@\"; exec \"$@\"; echo never",
                0,
                "a  b c\n",
            ),
            ("false && echo no || echo yes", 0, "yes\n"),
            ("x=; echo ${x:+full}-${x:-empty}", 0, "-empty\n"),
            ("sh -c 'exit 3'; echo $?", 0, "3\n"),
            ("(false) >/dev/null; code=$?; echo $code $?", 0, "1 0\n"),
            ("x=$(false); echo $?", 0, "1\n"),
            ("exit 7; echo never", 7, ""),
            ("(cd /; pwd); pwd", 0, "/\n/home/ubuntu\n"),
            ("echo a b | wc -w", 0, "2\n"),
            ("! true", 1, ""),
            ("nonsense", 127, ""),
            ("echo 'unterminated", 2, ""),
            ("sudo -n -- sh -c 'whoami'; whoami", 0, "root\nubuntu\n"),
        ] {
            assert_eq!(says(line), (exit, stdout.to_owned()), "{line}");
        }
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all_and_read_back() {
        let mut disk = Disk::default();
        let line = "cat >/tmp/x.part && [ \"$(wc -c </tmp/x.part)\" -eq 5 ] && mv -f -- /tmp/x.part /tmp/x || { rm -f -- /tmp/x.part; exit 1; }";
        assert_eq!(sh(&mut disk, line, b"hell").exit, 1);
        assert_eq!(sh(&mut disk, "ls -d -- /tmp/x.part", b"").exit, 2);
        assert_eq!(sh(&mut disk, line, b"hello").exit, 0);
        assert_eq!(sh(&mut disk, "LC_ALL=C cat -- /tmp/x", b"").stdout, b"hello");
    }

    #[test]
    fn a_missing_file_and_a_private_one_are_told_apart() {
        let mut disk = Disk::default();
        disk.put("/etc/secret", b"s".to_vec(), true);
        let said = |out: Outcome| (out.exit, String::from_utf8(out.stderr).unwrap());
        let (exit, text) = said(sh(&mut disk, "cat -- /nowhere", b""));
        assert!(exit == 1 && text.contains("No such file or directory"), "{text}");
        let (exit, text) = said(sh(&mut disk, "cat /etc/secret", b""));
        assert!(exit == 1 && text.contains("Permission denied"), "{text}");
        assert_eq!(sh(&mut disk, "sudo cat /etc/secret", b"").stdout, b"s");
    }
}
