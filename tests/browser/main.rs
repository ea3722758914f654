//! A real Chromium on the chat page of a real server, as people who talk, and with a server that says everything back.
//!
//! `cargo xtask test` runs this, with the browser set up. By hand it is
//! `cargo test -p it --test browser`, with Chromium installed and `chromedriver` on the `PATH`.
//!
//! First the facts, one a test: `talk.rs` is what people say, `rooms.rs` where and to whom, `outage.rs` what becomes of a
//! connection that breaks, `demo.rs` what the page shows of the hub, `looks.rs` for whom it is readable and safe, `compression.rs` and `http2.rs` how
//! Chromium and our servers agree. Then what they stand on: `stage.rs` holds the server and the browsers that a test gets, `page.rs` is what one
//! does with a page, `server.rs` the chat server, `echo.rs` the one that says everything back, `chromium.rs` the driver, `child.rs` a child process
//! that never outlives its test, `artifacts.rs` what stays for people to look at.

mod talk;
mod rooms;
mod outage;
mod demo;
mod looks;
mod compression;
mod http2;

mod stage;
mod page;
mod chromium;
mod server;
mod child;
mod artifacts;

#[path = "../it/echo.rs"]
mod echo;
