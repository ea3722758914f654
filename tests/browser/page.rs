//! What a test does with a page, and sees of it.

use std::fmt::Debug;
use std::fs;
use std::time::{Duration, Instant};

use fantoccini::key::Key;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use crate::artifacts::artifact;

const DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(25);

/// A page in a browser of its own; what names a part of it is about the chat's.
pub(crate) struct Page {
    client: Client,
}

impl Page {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.expect("the page loads");
    }

    /// Types a message and sends it with Enter.
    pub(crate) async fn say(&self, message: &str) {
        self.types(&format!("{message}{}", char::from(Key::Enter))).await;
    }

    /// Types into the field.
    pub(crate) async fn types(&self, text: &str) {
        let field = self.client.find(Locator::Id("text")).await.expect("the page has a field");
        field.send_keys(text).await.expect("one can type into it");
    }

    /// Puts a text into the field as if it were pasted.
    pub(crate) async fn pastes(&self, message: &str) {
        let script = "text.value = arguments[0]; text.dispatchEvent(new Event('input', { bubbles: true }));";
        self.client.execute(script, vec![json!(message)]).await.expect("the script runs");
    }

    /// Sends many messages, or large ones, without typing each letter.
    pub(crate) async fn say_all(&self, messages: impl IntoIterator<Item = String>) {
        let messages: Vec<String> = messages.into_iter().collect();
        let script =
            "for (const message of arguments[0]) { text.value = message; composer.requestSubmit(); }";
        self.client.execute(script, vec![json!(messages)]).await.expect("the script runs");
    }

    /// Presses a key, wherever the focus is.
    pub(crate) async fn press(&self, key: Key) {
        self.types_into_focused(char::from(key)).await;
    }

    pub(crate) async fn types_into_focused(&self, key: char) {
        let focused = self.client.active_element().await.expect("something has the focus");
        focused.send_keys(&key.to_string()).await.expect("it takes a key");
    }

    /// Waits until the newest line is this one.
    pub(crate) async fn shows(&self, line: &str) {
        becomes("the newest line", Some(line.to_owned()), async || self.lines().await.pop()).await;
    }

    /// Waits until a notice of the page contains this.
    pub(crate) async fn notes(&self, part: &str) {
        let notices = async || self.texts("#log .notice").await;
        holds(&format!("a notice with {part:?}"), notices, |all| all.iter().any(|it| it.contains(part)))
            .await;
    }

    /// What people have said, in its order, each as its text alone.
    pub(crate) async fn lines(&self) -> Vec<String> {
        self.texts("#log .line .text").await
    }

    /// The texts of all elements that are selected.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let all = format!("[...document.querySelectorAll({})]", json!(selector));
        let texts = self.eval(&format!("{all}.map((it) => it.textContent)")).await;
        serde_json::from_value(texts).expect("a list of strings")
    }

    pub(crate) async fn text_of(&self, selector: &str) -> String {
        let text = self.eval(&format!("document.querySelector({}).textContent", json!(selector))).await;
        text.as_str().expect("a string").to_owned()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.client.find(Locator::Css(selector)).await.expect("the element is there");
        element.click().await.expect("one can click on it");
    }

    /// The value of a JavaScript expression in the page, where an element goes by its id.
    pub(crate) async fn eval(&self, expression: &str) -> Value {
        self.run(&format!("return {expression}"), Vec::new()).await
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    /// What the promise that a JavaScript expression makes is fulfilled with.
    pub(crate) async fn promise(&self, expression: &str) -> Value {
        let script =
            format!("const done = arguments[0]; ({expression}).then(done, (e) => done(`failed: ${{e}}`))");
        self.client.execute_async(&script, Vec::new()).await.unwrap_or_else(|e| panic!("{expression}: {e}"))
    }

    /// Waits until a JavaScript expression holds.
    pub(crate) async fn comes(&self, expression: &str) {
        becomes(expression, json!(true), || self.eval(expression)).await;
    }

    /// Waits until an element's text is this one.
    pub(crate) async fn becomes(&self, selector: &str, text: &str) {
        becomes(selector, text, || self.text_of(selector)).await;
    }

    /// Opens a URL in another tab of the same browser, in front of this one. What is done then is done there.
    pub(crate) async fn open_tab(&self, url: &str) -> WindowHandle {
        let before = self.client.window().await.expect("there is a window");
        let tab = self.client.new_window(true).await.expect("a browser has tabs");
        self.client.switch_to_window(tab.handle).await.expect("the tab is there");
        self.goto(url).await;
        before
    }

    pub(crate) async fn tab(&self) -> WindowHandle {
        self.client.window().await.expect("there is a window")
    }

    /// Brings a tab to the front.
    pub(crate) async fn turn_to(&self, tab: &WindowHandle) {
        self.client.switch_to_window(tab.clone()).await.expect("the tab is there");
    }

    /// Closes the tab in front, and turns to another one.
    pub(crate) async fn close_tab(&self, then: &WindowHandle) {
        self.client.close_window().await.expect("a tab can be closed");
        self.turn_to(then).await;
    }

    /// Keeps a picture of the page, once nothing moves in it.
    pub(crate) async fn keep_screenshot(&self, name: &str) {
        let moving =
            "document.getAnimations().filter((it) => it.effect.getTiming().iterations !== Infinity).length";
        becomes("the number of animations", json!(0), || self.eval(moving)).await;
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
    holds(&format!("{what}, to be {wanted:?},"), probe, |actual| *actual == wanted).await;
}

/// Polls until something holds for the value, and panics with it after the deadline.
pub(crate) async fn holds<T: Debug>(what: &str, probe: impl AsyncFn() -> T, condition: impl Fn(&T) -> bool) {
    let start = Instant::now();
    loop {
        let actual = probe().await;
        if condition(&actual) {
            return;
        }
        assert!(start.elapsed() < DEADLINE, "{what} is still {actual:?} after {DEADLINE:?}");
        tokio::time::sleep(POLL).await;
    }
}
