//! Chromium, by its driver.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{self, Command};

use fantoccini::ClientBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::child::Child;
use crate::page::Page;

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
            Look::Light => arguments.push(WINDOW.to_owned()),
            Look::Dark => {
                arguments.extend([WINDOW, "--blink-settings=preferredColorScheme=0"].map(str::to_owned));
            }
            Look::Calm => arguments.extend([WINDOW, "--force-prefers-reduced-motion"].map(str::to_owned)),
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
        Page::new(client)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Look {
    Light,
    Dark,
    Phone,
    /// For whom nothing should move.
    Calm,
}

const WINDOW: &str = "--window-size=1200,800";

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
