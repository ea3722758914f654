//! Keeps the pages true: `README.md` and all that is below `docs`. Where a test fails here, either the code or the page is wrong.
//!
//! `arrows.rs` says who may know whom, `files.rs` what every file must hold to, and `manifests.rs` what the manifests have in common. Of the pages,
//! `pages.rs` has the architecture, `claims.rs` what tests are named to show, `configuration.rs` every key (by `fields.rs`), `deploy.rs` the files for
//! those who operate, `blocks.rs` the code, `middlewares.rs` a page for each middleware, `tutorial.rs` the steps, `examples.rs` the examples' heads, `readme.rs` both READMEs and `links.rs` where links lead
//! to. `repository.rs` reads what all of them look at.

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
mod readme;
mod links;
mod manifests;

mod repository;
