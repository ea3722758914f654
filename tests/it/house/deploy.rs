//! The files of `docs/deploy` fit what they are for.

use std::time::Duration;

use rest::RestConf;
use rest::conf::{self, Format};
use ws::WsConf;

use super::repository::{code_below, read};

#[test]
fn the_alert_rules_name_metrics_that_are_registered() {
    let code: String = code_below("crates/").map(|(_, code)| code).collect();
    let rules = read("docs/deploy/alerts.yaml");
    let rules = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let mut count = 0;
    for name in rules.flat_map(|rule| rule.split(|c: char| !(c.is_ascii_lowercase() || c == '_'))) {
        if ["http_server_", "ws_", "hub_"].iter().any(|prefix| name.starts_with(prefix)) {
            let registered =
                ["_total", "_bucket"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(code.contains(&format!("\"{registered}\"")), "no crate registers {registered}");
            count += 1;
        }
    }
    assert!(count > 0, "no rule names a metric");
}

#[test]
fn on_kubernetes_a_pod_may_live_until_the_service_has_stopped() {
    let manifest = read("docs/deploy/kubernetes.yaml");
    let (_, inner) = manifest.split_once("chat.yaml: |\n").expect("it has the service's configuration");
    let inner: String =
        inner.lines().take_while(|line| line.starts_with("    ")).map(|line| format!("{line}\n")).collect();
    let conf: RestConf = conf::parse(&inner, Format::Yaml).expect("it is one");
    let grace = number(&manifest, "terminationGracePeriodSeconds: ");
    assert!(Duration::from_secs(grace) > conf.shutdown.wait_time, "{grace} s");
    assert!(conf.shutdown.wait_time > conf.shutdown.wrap_up_time);

    let probed = format!("containerPort: {}}}", conf.dev_server.port);
    assert!(conf.dev_server.enabled && manifest.contains(&probed), "nobody answers the probe at {probed}");
    assert!(manifest.contains(&format!("path: {},", conf.dev_server.health_path)));
    assert!(manifest.contains(&format!("containerPort: {}}}", conf.port)));
}

#[test]
fn nginx_waits_longer_than_a_healthy_connection_is_silent() {
    let conf = WsConf::default();
    let proxy = read("docs/deploy/nginx.conf");
    for key in ["proxy_read_timeout ", "proxy_send_timeout "] {
        assert!(Duration::from_secs(number(&proxy, key)) > conf.ping_interval + conf.pong_timeout, "{key}");
    }
}

/// The whole number behind a key.
fn number(text: &str, key: &str) -> u64 {
    let (_, behind) = text.split_once(key).unwrap_or_else(|| panic!("{key} is not there"));
    let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}
