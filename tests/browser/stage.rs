//! What a test gets: a chat server of its own, and browsers on its page.

use tokio::sync::{Mutex, MutexGuard};

use crate::chromium::{Driver, Look, Page, becomes};
use crate::echo::EchoServer;
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
        let turn = turn().await;
        Self { server: Server::start(), driver: Driver::start(), _turn: turn }
    }

    /// Opens the page in two browsers, one of light and one of dark look, and waits until they know of each other.
    pub(crate) async fn two_pages(&self) -> (Page, Page) {
        let ann = self.page(Look::Light).await;
        let bob = self.page(Look::Dark).await;
        becomes("ann's count", "2", || ann.text_of("#online")).await;
        becomes("bob's count", "2", || bob.text_of("#online")).await;
        (ann, bob)
    }

    pub(crate) async fn phone(&self) -> Page {
        self.page(Look::Phone).await
    }

    /// Opens a page of another server's.
    pub(crate) async fn visit(&self, server: &EchoServer) -> Page {
        self.driver.open(&format!("http://{}/", server.authority), Look::Light).await
    }

    async fn page(&self, look: Look) -> Page {
        let page = self.driver.open(self.server.url(), look).await;
        becomes("the state", "Connected", || page.text_of("#state")).await;
        page
    }
}
