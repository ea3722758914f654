//! Loading as a whole: what operators write.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::*;

mod anything;
mod go_zero;
mod mistakes;
mod variables;

/// A program's configuration with everything in it that makes loading hard.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct ChatConf {
    #[serde(flatten)]
    rest: RestConf,
    hub: HubConf,
    motd: Option<String>,
    limit: Option<u16>,
    mirror: Option<MirrorConf>,
    origins: Vec<String>,
    labels: BTreeMap<String, String>,
    entry: Entry,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct HubConf {
    #[serde(with = "range::Integer::<1, 4096>")]
    log_length: usize,
    #[serde(with = "range::Millis::<100, 60_000>")]
    max_age: Duration,
    deep: DeepConf,
}

impl Default for HubConf {
    fn default() -> Self {
        Self { log_length: 256, max_age: Duration::from_secs(5), deep: DeepConf::default() }
    }
}

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct DeepConf {
    on: bool,
    #[serde(flatten)]
    deeper: DeeperConf,
}

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct DeeperConf {
    ratio: f64,
    count: i8,
}

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct MirrorConf {
    url: String,
}

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Entry {
    #[default]
    Open,
    Invited,
}

fn chat(yaml: &str) -> Result<ChatConf, String> {
    chat_in([], yaml)
}

fn chat_in<const N: usize>(environment: [(&str, &str); N], yaml: &str) -> Result<ChatConf, String> {
    Loader::new().environment(environment).parse(yaml, Format::Yaml).map_err(|error| error.to_string())
}

/// A file of its own for a test, removed with it.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rest-conf-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

#[test]
fn an_empty_file_is_the_default() {
    for yaml in ["", "# nothing\n", "---\n", "{}"] {
        assert_eq!(chat(yaml), Ok(ChatConf::default()), "{yaml:?}");
    }
}

#[test]
fn the_default_written_to_a_file_loads_as_itself() {
    let text = serde_json::to_string(&ChatConf::default()).unwrap();
    let loaded: ChatConf = Loader::new().environment([("", ""); 0]).parse(&text, Format::Json).unwrap();

    assert_eq!(loaded, ChatConf::default());
}

#[test]
fn a_go_zero_file_loads() {
    let yaml = "
# A chat.
Name: chat-api # for the logs
Mode: rt
Host: localhost
Port: 3333
CpuThreshold: 500
MaxConns: 500
MaxBytes: 2048
Timeout: 0 # sockets live long
CertFile: etc/cert.pem
KeyFile: etc/key.pem
Middlewares:
  Log: false
Shutdown:
  WrapUpTime: 2s
  WaitTime: 5.5s
";
    let expected = RestConf {
        name: "chat-api".into(),
        mode: Mode::Rt,
        cpu_threshold: 500,
        host: "localhost".into(),
        port: 3333,
        max_conns: 500,
        max_bytes: 2048,
        timeout: Duration::ZERO,
        cert_file: Some("etc/cert.pem".into()),
        key_file: Some("etc/key.pem".into()),
        middlewares: MiddlewaresConf { log: false, ..MiddlewaresConf::default() },
        shutdown: ShutdownConf { wrap_up_time: Duration::from_secs(2), ..ShutdownConf::default() },
        ..RestConf::default()
    };
    assert_eq!(chat(yaml).unwrap().rest, expected);
}

#[test]
fn any_spelling_of_a_key_will_do_but_only_one() {
    for yaml in ["MaxConns: 7", "maxconns: 7", "max_conns: 7", "max-conns: 7", "MAX_CONNS: 7"] {
        assert_eq!(chat(yaml).unwrap().rest.max_conns, 7, "{yaml}");
    }
    assert_eq!(chat("hub: {log-length: 7, deep: {COUNT: 1}}").unwrap().hub.log_length, 7);

    assert_eq!(
        chat("Shutdown: {wait_time: 1s, WaitTime: 2s}").unwrap_err(),
        "yaml text:1: Shutdown.WaitTime and Shutdown.wait_time are the same key"
    );
}

#[test]
fn yes_and_no_are_booleans_in_yaml_as_go_zero_reads_it() {
    let conf = chat("{Middlewares: {Log: no, Trace: Yes, Breaker: off, Timeout: ON}, Motd: yes}").unwrap();

    let on = &conf.rest.middlewares;
    assert_eq!((on.log, on.trace, on.breaker, on.timeout), (false, true, false, true));
    assert_eq!(conf.motd.unwrap(), "yes", "a text stays one");
}

#[test]
fn unknown_keys_may_be_left_out() {
    let loader = Loader::new().environment([("ZEROXIDE__OTHER", "1"), ("ZEROXIDE__PORT", "4000")]);
    let yaml = "{DataSource: root, Hub: {Other: {Deep: 1}, LogLength: 7}, Prot: 1}";

    assert!(loader.parse::<ChatConf>(yaml, Format::Yaml).is_err());
    let conf: ChatConf = loader.allow_unknown_keys().parse(yaml, Format::Yaml).unwrap();

    assert_eq!((conf.rest.port, conf.hub.log_length), (4000, 7));
}

#[test]
fn what_is_none_or_empty_by_default_takes_anything_that_fits() {
    let conf =
        chat("{Motd: hi, Limit: 5, Mirror: {Url: a}, Labels: {Some_Key: x, some-key: y}, Entry: invited}")
            .unwrap();

    assert_eq!((conf.motd, conf.limit, conf.entry), (Some("hi".into()), Some(5), Entry::Invited));
    assert_eq!(conf.mirror, Some(MirrorConf { url: "a".into() }));
    assert_eq!(conf.labels, [("Some_Key", "x"), ("some-key", "y")].map(|(k, v)| (k.into(), v.into())).into());
    assert_eq!(chat("Motd: ~").unwrap().motd, None);
}

#[test]
fn the_environment_goes_over_the_file() {
    let conf = chat_in(
        [
            ("ZEROXIDE__PORT", "4000"),
            ("ZEROXIDE__NAME", "4000"),
            ("ZEROXIDE__TIMEOUT", "1500"),
            ("ZEROXIDE__IDLE_TIMEOUT", "2m"),
            ("ZEROXIDE__SHUTDOWN__WAITTIME", "7s"),
            ("zeroxide__shutdown__wrap_up_time", "2s"),
            ("ZEROXIDE__MIDDLEWARES__LOG", "false"),
            ("ZEROXIDE__HUB__DEEP__RATIO", "0.5"),
            ("ZEROXIDE__MOTD", "5"),
            ("ZEROXIDE__LIMIT", "5"),
            ("ZEROXIDE__ORIGINS", r#"["a", "b"]"#),
            ("ZEROXIDE__LABELS__TEAM", "5"),
            ("ZEROXIDE__MIRROR", r#"{"Url": "b"}"#),
            ("ZEROXIDE__HOST", ""),
            ("ZEROXIDE_PORT", "1"),
            ("PORT", "2"),
        ],
        "{Port: 3333, Host: localhost, Shutdown: {WaitTime: 1s}, Labels: {a: b}}",
    )
    .unwrap();

    assert_eq!(
        (conf.rest.port, conf.rest.name.as_str(), conf.rest.host.as_str()),
        (4000, "4000", "localhost")
    );
    assert_eq!(
        (conf.rest.timeout, conf.rest.idle_timeout),
        (Duration::from_millis(1500), Duration::from_secs(120))
    );
    let wrap_up_time = Duration::from_secs(2);
    assert_eq!(conf.rest.shutdown, ShutdownConf { wrap_up_time, wait_time: Duration::from_secs(7) });
    assert!(!conf.rest.middlewares.log);
    assert_eq!((conf.hub.deep.deeper.ratio, conf.motd, conf.limit), (0.5, Some("5".into()), Some(5)));
    assert_eq!(conf.origins, ["a", "b"]);
    assert_eq!(conf.labels, [("a", "b"), ("team", "5")].map(|(k, v)| (k.into(), v.into())).into());
    assert_eq!(conf.mirror, Some(MirrorConf { url: "b".into() }));
}

#[test]
fn a_variable_mends_a_mistake_in_the_file() {
    assert_eq!(chat_in([("ZEROXIDE__PORT", "80")], "Port: 70000").unwrap().rest.port, 80);
}

#[test]
fn a_file_is_read_by_its_extension() {
    let none = Loader::new().environment([("", ""); 0]);
    for (name, text) in [
        ("a.yaml", "Port: 4000"),
        ("a.yml", "Port: 4000"),
        ("a.YAML", "Port: 4000"),
        ("a.toml", "Port = 4000"),
        ("a.json", "{\"Port\": 4000}"),
        ("a.json5", "{Port: 4000,} // for now"),
    ] {
        let file = TempFile::new(name, text);
        assert_eq!(none.load::<RestConf>(&file.0).unwrap().port, 4000, "{name}");
    }
}
