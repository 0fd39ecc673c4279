//! A real browser, driven through the pipe of the Chrome `DevTools` Protocol.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(90);

/// One browser with one page.
pub(crate) struct Browser {
    child: Child,
    orders: Option<File>,
    answers: Receiver<Value>,
    session: Option<String>,
    next: u64,
    /// Every event of the page so far.
    pub(crate) events: Vec<Value>,
    _home: tempfile::TempDir,
}

impl Browser {
    /// Starts a headless Chromium with a window of this size; `None` (and a printed reason) where there is none.
    pub(crate) fn start(width: u32, height: u32) -> Option<Self> {
        let candidates = [
            "/usr/bin/chromium",
            "/usr/bin/chromium-browser",
            "/usr/bin/google-chrome",
        ];
        let chromium = crate::judges::program("Chromium", &candidates, "chromium")?;
        let home = tempfile::tempdir().unwrap();
        let (orders, answers) = (home.path().join("orders"), home.path().join("answers"));
        assert!(
            Command::new("mkfifo")
                .args([&orders, &answers])
                .status()
                .unwrap()
                .success()
        );
        // The browser reads orders from its descriptor 3 and writes answers to its descriptor 4.
        let script = r#"orders=$1; answers=$2; shift 2; exec "$@" 3<"$orders" 4>"$answers""#;
        let child = Command::new("sh")
            .args(["-c", script, "sh"])
            .args([&orders, &answers])
            .arg(chromium)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--window-size={width},{height}"))
            .arg(format!("--user-data-dir={}", home.path().join("profile").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Opening a pipe waits for the other end, in the order in which the shell opens them.
        let orders = File::options().write(true).open(orders).unwrap();
        let answers = listen(File::open(answers).unwrap());
        let mut browser = Self {
            child,
            orders: Some(orders),
            answers,
            session: None,
            next: 0,
            events: Vec::new(),
            _home: home,
        };
        let target = browser.ask("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.ask("Target.attachToTarget", &attach);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        browser.ask("Emulation.setDeviceMetricsOverride", &size);
        Some(browser)
    }

    /// Opens a page and waits until its script has said that it is ready.
    pub(crate) fn open(&mut self, page: &Path, fragment: &str) {
        self.ask("Page.navigate", &json!({"url": "about:blank"}));
        self.events.clear();
        self.ask(
            "Page.navigate",
            &json!({"url": format!("file://{}{fragment}", page.display())}),
        );
        self.wait_until("document.documentElement.dataset.ready === 'yes'");
    }

    /// Evaluates an expression in the page.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", &asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Evaluates an expression that is text.
    pub(crate) fn text(&mut self, expression: &str) -> String {
        self.eval(expression)
            .as_str()
            .unwrap_or_else(|| panic!("{expression} is no text"))
            .to_owned()
    }

    /// Waits until a condition holds. While one page makes way for another, it may not even make sense.
    pub(crate) fn wait_until(&mut self, condition: &str) {
        let since = Instant::now();
        let asked = json!({"expression": condition, "returnByValue": true});
        while self.ask("Runtime.evaluate", &asked)["result"]["value"] != Value::Bool(true) {
            assert!(since.elapsed() < PATIENCE, "never came true: {condition}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn mouse(&mut self, kind: &str, x: f64, y: f64, more: &Value) {
        let mut event = json!({"type": kind, "x": x, "y": y, "button": "none"});
        for (key, value) in more.as_object().into_iter().flatten() {
            event[key] = value.clone();
        }
        self.ask("Input.dispatchMouseEvent", &event);
    }

    pub(crate) fn click(&mut self, x: f64, y: f64, count: u32) {
        for clicks in 1..=count {
            let more = json!({"button": "left", "clickCount": clicks});
            self.mouse("mousePressed", x, y, &more);
            self.mouse("mouseReleased", x, y, &more);
        }
    }

    pub(crate) fn prefer(&mut self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.ask("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    pub(crate) fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut order = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            order["sessionId"] = session.as_str().into();
        }
        let orders = self.orders.as_mut().unwrap();
        orders.write_all(format!("{order}\0").as_bytes()).unwrap();
        let since = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(since.elapsed());
            let answer = self
                .answers
                .recv_timeout(left)
                .unwrap_or_else(|error| panic!("{method}: {error}"));
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
            if answer.get("method").is_some() {
                self.events.push(answer);
            }
        }
    }

    /// What the page asked the network for, and whatever went wrong in it.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        self.eval("1");
        let mut complaints = Vec::new();
        for event in &self.events {
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" | "Log.entryAdded" => complaints.push(event["params"].to_string()),
                "Network.requestWillBeSent" => {
                    let url = event["params"]["request"]["url"].as_str().unwrap_or_default();
                    if event["params"]["type"] != "Document" {
                        complaints.push(format!("request to {url}"));
                    }
                }
                _ => {}
            }
        }
        complaints
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without the pipe the browser ends by itself; what does not is killed.
        self.orders = None;
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(5) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the answers, which end with a zero byte each, on a thread of its own.
fn listen(answers: File) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut answers = BufReader::new(answers);
        let mut message = Vec::new();
        while answers.read_until(0, &mut message).is_ok_and(|read| read > 0) {
            let value = serde_json::from_slice(message.strip_suffix(b"\0").unwrap_or(&message));
            if value.is_ok_and(|value| sender.send(value).is_err()) {
                break;
            }
            message.clear();
        }
    });
    receiver
}
