//! What a log has in it.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing::subscriber::with_default;

use super::*;
use crate::conf::LogFieldKeysConf;

/// A log that is in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged while `work` runs.
fn logged(conf: &LogConf, work: impl FnOnce()) -> String {
    let memory = Memory::default();
    let writer = memory.clone();
    with_default(Registry::default().with(conf.layer_to(move || writer.clone())), work);
    String::from_utf8(memory.0.lock().unwrap().clone()).unwrap()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_of_json_has_the_keys_of_go_zero() {
    let text = logged(&LogConf::default(), || {
        let span = tracing::info_span!("http", path = "/a", trace = "4bf9", user = tracing::field::Empty);
        let _entered = span.enter();
        span.record("user", 7);
        tracing::info!(code = 200, ok = true, path = "/b", duration = "0.2ms", "said \"{}\"", "hi");
        tracing::error!(error = %io::Error::other("no\nway"), "failed");
    });

    let lines = json_lines(&text);
    let mut first = lines[0].clone();
    let time = first.as_object_mut().unwrap().remove("@timestamp").unwrap();
    assert!(time.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{time}");
    let caller = first.as_object_mut().unwrap().remove("caller").unwrap();
    assert!(caller.as_str().unwrap().starts_with("logging/tests.rs:"), "{caller}");
    assert_eq!(
        first,
        json!({
            "level": "info", "content": "said \"hi\"", "duration": "0.2ms", "trace": "4bf9",
            "code": 200, "ok": true, "path": "/b", "user": 7,
        })
    );
    assert_eq!(
        (&lines[1]["level"], &lines[1]["error"], &lines[1]["path"]),
        (&json!("error"), &json!("no\nway"), &json!("/a"))
    );
}

#[test]
fn keys_have_other_names_and_messages_an_end_if_that_is_configured() {
    let field_keys = LogFieldKeysConf {
        content_key: "msg".into(),
        level_key: String::new(),
        ..LogFieldKeysConf::default()
    };
    let conf = LogConf { field_keys, max_content_length: 4, ..LogConf::default() };

    let lines = json_lines(&logged(&conf, || tracing::info!("abcé")));

    assert_eq!(
        (&lines[0]["msg"], &lines[0]["level"], &lines[0]["truncated"]),
        (&json!("abc"), &json!("info"), &json!(true))
    );
}

#[test]
fn a_plain_line_is_text() {
    let conf = LogConf { encoding: LogEncoding::Plain, ..LogConf::default() };
    let text = logged(&conf, || tracing::info!(code = 200, "said"));
    assert!(text.ends_with(" INFO rest::logging::tests: said code=200\n"), "{text:?}");
}

#[test]
fn what_is_below_the_level_is_left_out() {
    for (level, expected) in [
        (LogLevel::Debug, 4),
        (LogLevel::Info, 3),
        (LogLevel::Warn, 2),
        (LogLevel::Error, 1),
        (LogLevel::Severe, 1),
    ] {
        let text = logged(&LogConf { level, ..LogConf::default() }, || {
            tracing::debug!("a");
            tracing::info!("b");
            tracing::warn!("c");
            tracing::error!("d");
        });
        assert_eq!(text.lines().count(), expected, "{level:?}: {text}");
    }
}

#[test]
fn statistics_may_be_left_out() {
    let lines = |stat| {
        let text = logged(&LogConf { stat, ..LogConf::default() }, || {
            tracing::info!(target: STAT, "qps");
            tracing::info!("other");
        });
        text.lines().count()
    };
    assert_eq!((lines(true), lines(false)), (2, 1));
}

/// A folder of its own for a test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        Self(std::env::temp_dir().join(format!("rest-logging-{}-{test}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn each_kind_of_line_has_its_file() {
    let folder = Folder::new("files");
    let conf = LogConf { mode: LogMode::File, path: folder.0.join("logs"), ..LogConf::default() };

    with_default(Registry::default().with(conf.layer().unwrap()), || {
        tracing::info!("access");
        tracing::warn!("access");
        tracing::error!("error");
        tracing::error!(target: SLOW, "slow");
        tracing::info!(target: STAT, "stat");
    });

    for (name, expected) in [("access", 2), ("error", 1), ("slow", 1), ("stat", 1)] {
        let text = fs::read_to_string(conf.path.join(format!("{name}.log"))).unwrap();
        let lines = json_lines(&text);
        assert_eq!(lines.len(), expected, "{name}: {text}");
        assert!(lines.iter().all(|line| line["content"] == name), "{name}: {text}");
    }
}

#[test]
fn a_volume_has_a_folder_for_each_service_and_host() {
    let folder = Folder::new("volume");
    let conf = LogConf {
        mode: LogMode::Volume,
        path: folder.0.clone(),
        service_name: "chat".into(),
        ..LogConf::default()
    };

    drop(conf.layer::<Registry>().unwrap());

    let hosts: Vec<_> = fs::read_dir(folder.0.join("chat")).unwrap().collect();
    assert_eq!(hosts.len(), 1);
    assert!(hosts[0].as_ref().unwrap().path().join("access.log").exists());
}

#[test]
fn a_folder_that_cannot_be_is_an_error() {
    let folder = Folder::new("error");
    fs::create_dir_all(&folder.0).unwrap();
    let path = folder.0.join("file");
    fs::write(&path, "").unwrap();
    let conf = LogConf { mode: LogMode::File, path: path.join("logs"), ..LogConf::default() };

    let error = conf.layer::<Registry>().map(drop).unwrap_err().to_string();

    assert!(error.starts_with(&format!("Log.Path: {}: ", conf.path.display())), "{error}");
}
