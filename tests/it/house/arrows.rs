//! Who may know whom: the picture and the invariants of `docs/ARCHITECTURE.md`.

use super::repository::{cargo, code_below, package};

/// What each library may name under `[dependencies]`, in the order of the alphabet. Whoever adds one here looks at the
/// picture in docs/ARCHITECTURE.md, "Who may know whom", first.
const ALLOWED: [(&str, &[&str]); 4] = [
    (
        "zeroxide-rest",
        &[
            "async-compression",
            "axum-core",
            "bytes",
            "config",
            "data-encoding",
            "fastrand",
            "flate2",
            "futures-util",
            "http",
            "http-body",
            "http-body-util",
            "hyper",
            "hyper-rustls",
            "hyper-util",
            "ipnet",
            "jiff",
            "jsonwebtoken",
            "multer",
            "opentelemetry",
            "opentelemetry-http",
            "opentelemetry-otlp",
            "opentelemetry_sdk",
            "percent-encoding",
            "pin-project-lite",
            "prometheus-client",
            "ring",
            "serde",
            "serde_html_form",
            "serde_json",
            "tokio",
            "tokio-rustls",
            "tokio-util",
            "toml",
            "tower",
            "tower-http",
            "tracing",
            "tracing-subscriber",
            "utoipa",
            "yaml-rust2",
        ],
    ),
    (
        "zeroxide-hub",
        &[
            "atomic-waker",
            "futures-core",
            "futures-sink",
            "jiff",
            "serde",
            "serde_json",
            "tokio",
            "tokio-util",
            "tracing",
        ],
    ),
    (
        "zeroxide-hub-http",
        &[
            "axum-core",
            "bytes",
            "futures-util",
            "http",
            "rand",
            "serde",
            "serde_json",
            "subtle",
            "tokio",
            "tokio-util",
            "tracing",
            "zeroxide-hub",
            "zeroxide-rest",
        ],
    ),
    (
        "zeroxide-ws",
        &[
            "axum-core",
            "bytes",
            "data-encoding",
            "fastrand",
            "flate2",
            "futures-util",
            "http",
            "http-body-util",
            "httpdate",
            "hyper",
            "hyper-util",
            "rand",
            "serde",
            "tokio",
            "tokio-rustls",
            "tokio-tungstenite",
            "tracing",
            "webpki-roots",
            "zeroxide-hub",
            "zeroxide-rest",
        ],
    ),
];

/// What a library must not reach, however many others are in between.
const OUT_OF_REACH: [(&str, &[&str]); 4] = [
    (
        "zeroxide-rest",
        &["zeroxide-ws", "zeroxide-hub", "zeroxide-hub-http", "tokio-tungstenite", "tungstenite"],
    ),
    ("zeroxide-ws", &["zeroxide-hub-http"]),
    ("zeroxide-hub-http", &["zeroxide-ws", "tokio-tungstenite", "tungstenite"]),
    (
        "zeroxide-hub",
        &[
            "zeroxide-ws",
            "zeroxide-rest",
            "tokio-tungstenite",
            "tungstenite",
            "hyper",
            "http",
            "axum-core",
            "tower",
            "tower-service",
        ],
    ),
];

#[test]
fn each_library_depends_on_what_the_picture_allows() {
    for (name, allowed) in ALLOWED {
        let dependencies = package(name)["dependencies"].as_array().expect("a list");
        for dependency in dependencies.iter().filter(|dependency| dependency["kind"].is_null()) {
            let dependency = dependency["name"].as_str().expect("a name");
            assert!(
                allowed.contains(&dependency),
                "{name} must not depend on {dependency}, or the picture changes"
            );
        }
        for dependency in allowed {
            let is_there = dependencies.iter().any(|it| it["name"] == *dependency && it["kind"].is_null());
            assert!(is_there, "{name} may depend on {dependency}, and does not: the list is too long");
        }
    }
}

#[test]
fn no_library_reaches_what_it_must_not_know() {
    for (name, forbidden) in OUT_OF_REACH {
        let tree = cargo(&["tree", "--package", name, "--edges", "normal", "--prefix", "none"]);
        let reached = tree.lines().filter_map(|line| line.split(' ').next());
        let found: Vec<_> = reached.filter(|reached| forbidden.contains(reached)).collect();
        assert_eq!(found, Vec::<&str>::new(), "{name} reaches these by `cargo tree`");
    }
}

#[test]
fn in_ws_only_the_pump_and_what_speaks_for_it_name_the_hub() {
    let knowing: Vec<_> = code_below("crates/ws/src/")
        .filter(|(_, code)| words(code).any(|word| word == "hub"))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(knowing, ["crates/ws/src/pump.rs", "crates/ws/src/speak.rs"]);
}

#[test]
fn in_ws_only_three_files_name_the_upgrade_of_rest() {
    let seam = ["Upgrade", "UpgradeRejection", "Connection", "Stopping"];
    let knowing: Vec<_> = code_below("crates/ws/src/")
        .filter(|(_, code)| names_from("rest", code).iter().any(|name| seam.contains(&name.as_str())))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(knowing, ["crates/ws/src/route.rs", "crates/ws/src/session.rs", "crates/ws/src/upgrader.rs"]);
}

/// A clock on the wall may jump.
#[test]
fn nothing_of_the_hub_depends_on_the_time_of_day_but_what_is_told_of_it() {
    let clocks = ["SystemTime", "UNIX_EPOCH", "Timestamp", "Zoned"];
    let knowing: Vec<_> = code_below("crates/hub/src/")
        .filter(|(_, code)| words(code).any(|word| clocks.contains(&word)))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(knowing, ["crates/hub/src/protocol/json.rs"]);
}

/// The identifiers of a text, in their order.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// All identifiers of the paths that begin with a crate's name: of `rest::{A, b::C}` it is `A`, `b` and `C`.
fn names_from(krate: &str, code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (start, prefix) in code.match_indices(&format!("{krate}::")) {
        if code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let path = &code[start + prefix.len()..];
        let mut depth = 0;
        let end = path.find(|c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            let within_path = c.is_alphanumeric() || "_:{}".contains(c);
            depth <= 0 && (c == '}' || !within_path)
        });
        names.extend(words(&path[..end.unwrap_or(path.len())]).map(str::to_owned));
    }
    names
}

#[test]
fn names_are_found_in_paths_and_in_groups() {
    assert_eq!(names_from("rest", "use rest::{A, b::{C, D}, e};\nF"), ["A", "b", "C", "D", "e"]);
    assert_eq!(names_from("rest", "fn f(a: rest::A, b: B) {} interest::C"), ["A"]);
}
