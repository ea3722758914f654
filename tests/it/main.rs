//! Zeroxide from outside: the examples as programs, over real sockets, with clients that others wrote.
//!
//! `house.rs` keeps `docs/ARCHITECTURE.md` true. Then one module per thing that must work, each test a sentence. The
//! others are what they stand on: `program.rs` runs an example, `page.rs` reads a page's code, `echo.rs` is a server in the test itself, `client.rs`, `member.rs` (in the hub's protocol) and `foreign.rs` talk to them, `raw.rs` does
//! so byte by byte, `folder.rs` holds files, and `deadline.rs` bounds every wait.

mod house;

mod chat;
mod chat_rooms;
mod chat_rules;
mod chat_page;
mod chat_nodes;
mod chat_crowd;
mod foreign_members;
mod foreign_clients;
mod foreign_servers;
mod slow;
#[cfg(unix)]
mod stop;
mod start;
mod go_zero;
mod panic;
mod examples;
mod tutorial;
mod template;

mod program;
mod echo;
mod client;
mod member;
mod foreign;
mod raw;
mod folder;
mod page;
mod deadline;
