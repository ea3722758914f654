//! Feeds a route with a client's headers: `cargo xtask fuzz handshake`.
//!
//! What must hold of every input is in `shake.rs`. `corpus/handshake` has some to begin with; the crate's tests replay it.

#![no_main]

mod shake;

libfuzzer_sys::fuzz_target!(|input: &[u8]| shake::check(input));
