//! What a hub gives over HTTP, asked as a client would.

mod support;
#[path = "../../hub/tests/cases/mod.rs"]
mod cases;
mod api;
mod newcomers;
mod observe;
mod protocol;
mod by_socket;
mod sessions;
mod sockets;
mod transports;
