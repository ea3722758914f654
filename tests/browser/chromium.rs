//! Chromium, by its driver; and what a test does with a page.

use std::env;
use std::fmt::Debug;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{self, Command};
use std::time::{Duration, Instant};

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::artifacts::artifact;
use crate::child::Child;

const DEADLINE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(25);

/// A running chromedriver. All its browsers end with it.
pub(crate) struct Driver {
    // Before the folder: the browsers are gone when their files go.
    _child: Child,
    folder: Folder,
    url: String,
}

impl Driver {
    pub(crate) fn start() -> Self {
        let program = env::var_os("ZEROXIDE_CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let folder = Folder::create();
        let mut child = Child::spawn(Command::new(program).arg("--port=0").env("TMPDIR", &folder.path));
        let port: u16 = child.announced(|line| {
            let (_, port) = line.rsplit_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        Self { _child: child, folder, url: format!("http://127.0.0.1:{port}") }
    }

    /// Opens a URL in a browser of its own, with an empty profile.
    pub(crate) async fn open(&self, url: &str, look: Look) -> Page {
        let mut arguments = vec![format!("--user-data-dir={}", self.folder.fresh().display())];
        arguments.extend(FLAGS.map(str::to_owned));
        // Chromium's sandbox refuses to work for root, as in a container.
        if is_root() {
            arguments.push("--no-sandbox".to_owned());
        }
        let mut options = json!({});
        // The driver knows the usual places itself.
        if let Ok(chromium) = env::var("ZEROXIDE_CHROMIUM") {
            options["binary"] = json!(chromium);
        }
        match look {
            Look::Light => arguments.push("--window-size=900,700".to_owned()),
            Look::Dark => {
                arguments.push("--window-size=900,700".to_owned());
                arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
            }
            Look::Phone => {
                let metrics =
                    json!({ "width": 360, "height": 740, "pixelRatio": 2, "touch": true, "mobile": true });
                options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
            }
        }
        options["args"] = json!(arguments);
        // A test signs its certificate itself.
        let insecure = ("acceptInsecureCerts".to_owned(), json!(url.starts_with("https:")));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities([("goog:chromeOptions".to_owned(), options), insecure].into_iter().collect())
            .connect(&self.url)
            .await
            .expect("chromedriver starts a browser");
        client.goto(url).await.expect("the page loads");
        Page { client }
    }
}

pub(crate) enum Look {
    Light,
    Dark,
    Phone,
}

/// A page in a browser of its own; what names a part of it is about the chat's.
pub(crate) struct Page {
    client: Client,
}

impl Page {
    /// Types a message and sends it with Enter.
    pub(crate) async fn say(&self, message: &str) {
        let field = self.client.find(Locator::Id("text")).await.expect("the page has a field");
        field.send_keys(&format!("{message}{}", char::from(Key::Enter))).await.expect("one can type into it");
    }

    /// Sends many messages, or large ones, without typing each letter.
    pub(crate) async fn say_all(&self, messages: impl IntoIterator<Item = String>) {
        let messages: Vec<String> = messages.into_iter().collect();
        let script = "for (const message of arguments[0]) { text.value = message; form.requestSubmit(); }";
        self.client.execute(script, vec![json!(messages)]).await.expect("the script runs");
    }

    /// Waits until the newest line is this one.
    pub(crate) async fn shows(&self, line: &str) {
        becomes("the newest line", Some(line.to_owned()), async || self.lines().await.pop()).await;
    }

    pub(crate) async fn lines(&self) -> Vec<String> {
        let lines =
            self.eval("[...document.querySelectorAll('#log .line')].map((line) => line.textContent)").await;
        serde_json::from_value(lines).expect("a list of strings")
    }

    pub(crate) async fn text_of(&self, selector: &str) -> String {
        let text = self.eval(&format!("document.querySelector('{selector}').textContent")).await;
        text.as_str().expect("a string").to_owned()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.client.find(Locator::Css(selector)).await.expect("the element is there");
        element.click().await.expect("one can click on it");
    }

    /// The value of a JavaScript expression in the page, where an element goes by its id.
    pub(crate) async fn eval(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        self.client.execute(&script, Vec::new()).await.unwrap_or_else(|e| panic!("{expression}: {e}"))
    }

    /// Keeps a picture of the page, once nothing moves in it.
    pub(crate) async fn keep_screenshot(&self, name: &str) {
        becomes("the number of animations", json!(0), || self.eval("document.getAnimations().length")).await;
        let picture = self.client.screenshot().await.expect("the browser takes a screenshot");
        fs::write(artifact(&format!("{name}.png")), picture).expect("the screenshot can be written");
    }

    pub(crate) async fn close(self) {
        self.client.close().await.expect("the browser closes");
    }
}

/// Polls until the value is the wanted one, and panics with both after the deadline.
pub(crate) async fn becomes<T, W>(what: &str, wanted: W, probe: impl AsyncFn() -> T)
where
    T: PartialEq<W> + Debug,
    W: Debug,
{
    let start = Instant::now();
    loop {
        let actual = probe().await;
        if actual == wanted {
            return;
        }
        assert!(start.elapsed() < DEADLINE, "{what} is still {actual:?} after {DEADLINE:?}, not {wanted:?}");
        tokio::time::sleep(POLL).await;
    }
}

/// Where the browsers keep their profiles and whatever else, removed on drop.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn create() -> Self {
        // Not in cargo's target folder: a browser's sockets lie in it, and their paths must be short.
        let path = env::temp_dir().join(format!("zeroxide-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the folder for temporary files can be written");
        Self { path }
    }

    /// A path in it that nothing has yet.
    fn fresh(&self) -> PathBuf {
        let free = |n: &u32| !self.path.join(n.to_string()).exists();
        let name = (0..).find(free).expect("there are more numbers than browsers");
        let path = self.path.join(name.to_string());
        fs::create_dir(&path).expect("the folder can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A browser that was killed this instant may still write: a file that appears behind us is tried again.
        for _ in 0..100 {
            match fs::remove_dir_all(&self.path) {
                Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                _ => return,
            }
        }
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// No window, no call home, nothing that small containers lack.
const FLAGS: [&str; 8] = [
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];
