//! How an engine ends, and the upgraded connections that it ends with.

mod drain;
mod listeners;
mod handle;
mod group;
mod tasks;
mod upgrade;

#[path = "../support/mod.rs"]
#[allow(dead_code, clippy::allow_attributes, reason = "each group of tests uses its part")]
mod support;
