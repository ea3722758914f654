//! What the chat serves besides its sockets: the page, its files, what they ask for; and to whom.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::Client;
use crate::deadline::within;
use crate::member::Member;
use crate::program::Program;
use crate::raw;

#[tokio::test]
async fn the_page_is_served_with_a_strict_policy() {
    let chat = Program::chat().await;

    let page = raw::get(chat.addr(), "/").await;

    assert_eq!((page.status(), page.header("content-type")), ("200 OK", "text/html; charset=utf-8"));
    assert_eq!(page.body, include_str!("../../examples/chat/page/index.html"));
    let policy: Vec<_> = page.header("content-security-policy").split("; ").map(str::trim).collect();
    for directive in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"] {
        assert!(policy.contains(&directive), "{directive} is missing in {policy:?}");
    }
    for loophole in ["unsafe", "http:", "https:", "*"] {
        assert!(!policy.join(" ").contains(loophole), "{loophole} is in {policy:?}");
    }
}

#[tokio::test]
async fn every_script_and_style_of_the_page_is_served_as_it_is() {
    let chat = Program::chat().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/chat/page");
    let files = scripts_and_styles(&folder);
    assert!(files.iter().any(|file| file.ends_with("hub/hub.js")), "{files:?}");
    for path in files {
        let content_type =
            if path.extension() == Some("css".as_ref()) { "text/css" } else { "text/javascript" };
        let url = format!("/{}", path.strip_prefix(&folder).expect("it is in there").display());
        let file = raw::get(chat.addr(), &url).await;
        let declared = file.header("content-type").split(';').next();
        assert_eq!((file.status(), declared), ("200 OK", Some(content_type)), "{url}");
        assert_eq!(file.body, fs::read_to_string(&path).expect("it is text"), "{url}");
    }
}

/// The files that a browser loads: those of tests, of packages and of pages are not among them.
fn scripts_and_styles(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be read").path());
    let mut found = Vec::new();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let is_wanted = (name.ends_with(".js") || name.ends_with(".css")) && !name.contains("test");
        if path.is_dir() && name != "test" && name != "node_modules" {
            found.extend(scripts_and_styles(&path));
        } else if is_wanted && !["types.js", "example.js"].contains(&name) {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn the_page_is_told_the_rules_and_what_the_hub_counts() {
    let chat = Program::chat_as_it_is().await;
    let _ann = Member::join(&chat, "Ann", "lobby").await;

    let told: Value = serde_json::from_str(&raw::get(chat.addr(), "/chat.json").await.body).unwrap();
    assert_eq!(
        told,
        json!({
            "dev": true,
            "ports": [chat.addr().port()],
            "rules": { "MaxNameChars": 32, "MaxTextChars": 2000, "History": 50 },
        })
    );
    // A loop shows what it has counted at the end of its turn, which is after its answer.
    let counted = async {
        loop {
            let stats = raw::get(chat.addr(), "/stats").await;
            assert_eq!(stats.header("cache-control"), "no-store");
            let stats: Value = serde_json::from_str(&stats.body).unwrap();
            if ["clients", "users", "topics", "members"].iter().all(|name| stats[name] == 1) {
                return stats;
            }
        }
    };
    let stats = within("one of each", counted).await;
    for path in ["/evicted/count", "/fanout_nanos/p99", "/loops/0/queued", "/loops/0/busy_nanos"] {
        assert!(stats.pointer(path).is_some_and(Value::is_u64), "{path} in {stats}");
    }
}

#[tokio::test]
async fn what_is_for_developers_is_there_for_them_alone() {
    let chat = Program::chat_with("Host: localhost\n").await;
    assert_eq!(raw::get(chat.addr(), "/slow/1").await.status(), "404 Not Found");
    let stop = format!("/nodes/{}/stop", chat.addr().port());
    assert_eq!(raw::post(chat.addr(), &stop, "").await.status(), "404 Not Found");
    let told: Value = serde_json::from_str(&raw::get(chat.addr(), "/chat.json").await.body).unwrap();
    assert_eq!(told["dev"], false);
}

#[tokio::test]
async fn a_member_that_stops_reading_is_given_up_with_the_reason_and_the_others_hear_all() {
    let chat = Program::chat_as_it_is().await;
    let mut ann = Member::join(&chat, "Ann", "slow-1").await;

    let mut slow = Client::connect(chat.addr(), "/slow/1").await;

    let (code, reason) = slow.is_closed().await;
    assert_eq!((code, reason.as_str()), (1013, "too slow: fell 201 messages behind"));
    for tick in 0..=200 {
        assert_eq!(ann.hears("message").await["data"], tick);
    }
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let chat = Program::chat().await;
    let own = format!("http://{}", chat.addr());
    let hostile = [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        format!("{own}.evil.example"),
        "http://127.0.0.1:1".to_owned(),
    ];
    for path in ["/ws", "/slow/1"] {
        for origin in &hostile {
            let refusal = raw::handshake(chat.addr(), path, Some(origin)).await;
            let refusal = refusal.err().unwrap_or_else(|| panic!("{origin} may connect to {path}"));
            assert_eq!(refusal.status(), "403 Forbidden", "{origin} at {path}");
            assert_eq!(refusal.body, "pages of this origin may not connect\n");
        }
        for origin in [Some(own.as_str()), None] {
            let accepted = raw::handshake(chat.addr(), path, origin).await;
            assert!(accepted.is_ok(), "{origin:?} at {path}: {accepted:?}");
        }
    }
}
