//! From a request to its handler: paths, groups, mounts, layers, extractors.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod paths;
mod misses;
mod groups;
mod mistakes;
mod mounts;
mod files;
mod layers;
mod handlers;

#[path = "../support/mod.rs"]
#[allow(dead_code, clippy::allow_attributes, reason = "each group of tests uses its part")]
mod support;
