//! A real server on a real workspace: exactly the crate that was edited is checked, and what is wrong with it reported.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(60);

/// A process whose lines of output can be waited for; it ends with the test.
struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("it starts");
        let (output, (sender, lines)) = (child.stdout.take().unwrap(), channel());
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.map_while(|line| sender.send(line).ok()).for_each(drop);
        });
        Self { child, lines }
    }

    /// All lines up to one that begins so.
    fn until(&self, start: &str) -> Vec<String> {
        let (deadline, mut told) = (Instant::now() + DEADLINE, Vec::new());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no {start:?}, only {told:?}"));
            told.push(line);
            if told[told.len() - 1].starts_with(start) {
                return told;
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).map(drop).unwrap_or(());
    }
}

fn server() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/st")
}

fn workspace(top: &Path) {
    fs::write(top.join("Cargo.toml"), "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"3\"\n").unwrap();
    for name in ["a", "b"] {
        fs::create_dir_all(top.join(name).join("src")).unwrap();
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n");
        fs::write(top.join(name).join("Cargo.toml"), manifest).unwrap();
        fs::write(top.join(name).join("src/lib.rs"), "pub fn f() {}\n").unwrap();
    }
}

#[test]
fn the_crate_that_was_edited_is_checked() {
    if !server().exists() {
        assert!(std::env::var_os("CI").is_none(), "no server: run `make build`");
        return;
    }
    let folder = std::env::temp_dir().join(format!("build-queue-{}", std::process::id()));
    fs::remove_dir_all(&folder).unwrap_or(());
    fs::create_dir_all(folder.join("top")).unwrap();
    let top = folder.join("top").canonicalize().unwrap();
    workspace(&top);

    let serve = ["--port", "0", "--no-state", "--serve"];
    let server = Process::start(Command::new(server()).args(serve).arg(&top).env_remove("CARGO_TARGET_DIR"));
    let started = server.until("serving").pop().unwrap();
    let url = started.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    let queue = Process::start(
        Command::new(env!("CARGO_BIN_EXE_build-queue")).arg(url).env("CARGO_TARGET_DIR", folder.join("target")),
    );
    queue.until("watching");

    fs::write(top.join("a/src/lib.rs"), "pub fn f() -> u8 { \"no number\" }\n").unwrap();
    let told = queue.until("failed");
    assert_eq!(told, [format!("failed {}", top.join("a/Cargo.toml").display())], "and nothing else is checked");
    queue.until("error[E0308]");

    fs::write(top.join("a/src/lib.rs"), "pub fn f() -> u8 { 7 }\n").unwrap();
    assert_eq!(checks(queue.until("ok")), [format!("ok {}", top.join("a/Cargo.toml").display())]);

    fs::write(top.join("README.md"), "no crate's\n").unwrap();
    fs::write(top.join("b/src/lib.rs"), "pub fn g() {}\n").unwrap();
    assert_eq!(checks(queue.until("ok")), [format!("ok {}", top.join("b/Cargo.toml").display())]);
    drop((queue, server));
    fs::remove_dir_all(&folder).unwrap();
}

/// The lines that tell of a check, without what cargo says.
fn checks(told: Vec<String>) -> Vec<String> {
    told.into_iter().filter(|line| line.starts_with("ok ") || line.starts_with("failed ")).collect()
}
