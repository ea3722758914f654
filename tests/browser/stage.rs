//! What a test gets: a chat server of its own, and browsers on its page.

use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};

use crate::chromium::{Driver, Look};
use crate::echo::EchoServer;
use crate::page::Page;
use crate::server::Server;

/// Held by a test with browsers: two of these are all that a small machine can serve within the deadlines.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// A server and a driver. Both end with it, whatever way the test ends.
pub(crate) struct Stage {
    pub(crate) server: Server,
    driver: Driver,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::set_with(Server::start).await
    }

    /// The same with another server.
    pub(crate) async fn set_with(start: fn() -> Server) -> Self {
        let turn = turn().await;
        Self { server: start(), driver: Driver::start(), _turn: turn }
    }

    /// Opens the page in two browsers, one of light and one of dark look, and waits until they know of each other.
    pub(crate) async fn two_pages(&self) -> (Page, Page) {
        let ann = self.person("Ann", Look::Light).await;
        let bob = self.person("Bob", Look::Dark).await;
        for page in [&ann, &bob] {
            page.becomes("#online", "2 here").await;
        }
        (ann, bob)
    }

    /// Opens the page as somebody of this name, in the lobby.
    pub(crate) async fn person(&self, name: &str, look: Look) -> Page {
        self.person_at(self.server.url(), name, look).await
    }

    /// The same with another URL of the server's.
    pub(crate) async fn person_at(&self, url: &str, name: &str, look: Look) -> Page {
        let page = self.driver.open(&format!("{}chat.json", base(url)), look).await;
        let secret = format!("{name}, of whom this is the secret");
        let profile = json!({ "name": name, "secret": secret }).to_string();
        page.run("localStorage.setItem('zeroxide-chat', arguments[0])", vec![json!(profile)]).await;
        page.goto(url).await;
        page.becomes("#state", "Connected").await;
        page.comes("document.querySelectorAll('#people li').length > 0").await;
        page
    }

    /// Opens a page of another server's.
    pub(crate) async fn visit(&self, server: &EchoServer) -> Page {
        self.driver.open(&format!("http://{}/", server.authority), Look::Light).await
    }
}

/// A URL without its hash, with a slash at its end.
fn base(url: &str) -> String {
    let base = url.split('#').next().unwrap_or(url);
    format!("{}/", base.trim_end_matches('/'))
}
