//! Keeps `docs/ARCHITECTURE.md`, `docs/SECURITY.md` and the README true. Where a test fails here, either the code or the
//! page is wrong.
//!
//! `arrows.rs` says who may know whom, `files.rs` what every file must hold to, `pages.rs` what the pages claim,
//! `claims.rs` that what the pages claim is shown by tests, `middlewares.rs` that each middleware has a page, `configuration.rs` what can be configured (by `fields.rs`), `deploy.rs` what the examples of
//! `docs/deploy` fit, `blocks.rs` that the code which the pages show is there, `tutorial.rs` that the tutorial shows all of its steps,
//! `examples.rs` that each example says what it is, and `manifests.rs` what the manifests have in common; `repository.rs` reads
//! what all of them look at.

mod arrows;
mod files;
mod pages;
mod claims;
mod configuration;
mod deploy;
mod fields;
mod middlewares;
mod blocks;
mod tutorial;
mod examples;
mod manifests;

mod repository;
