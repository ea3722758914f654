//! Files that were written for go-zero.

use super::*;

/// A service's own struct, as it has it beside `rest.RestConf` in Go.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct UserApi {
    #[serde(flatten)]
    rest: RestConf,
    auth: AuthConf,
    data_source: String,
    cache: Vec<CacheNode>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct AuthConf {
    access_secret: String,
    access_expire: i64,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct CacheNode {
    host: String,
}

/// Everything that go-zero's server reads, and what such services have of their own.
const YAML: &str = "
Name: user-api
Host: 0.0.0.0
Port: 8888
Mode: pro
Timeout: 3000
MaxConns: 5000
MaxBytes: 1048576
CpuThreshold: 900
Verbose: false
CertFile: ''
KeyFile: ''
Log:
  ServiceName: user-api
  Mode: file
  Encoding: json
  TimeFormat: '2006-01-02T15:04:05.000Z07:00'
  Path: logs/user-api
  Level: info
  Compress: true
  Stat: true
  KeepDays: 7
  StackCooldownMillis: 100
  MaxBackups: 3
  MaxSize: 100
  Rotation: size
MetricsUrl: ''
Prometheus:
  Host: 127.0.0.1
  Port: 9101
  Path: /metrics
Telemetry:
  Name: user-api
  Endpoint: http://127.0.0.1:4317
  Sampler: 1.0
  Batcher: otlpgrpc
DevServer:
  Enabled: true
  Host: 127.0.0.1
  Port: 6060
  MetricsPath: /metrics
  HealthPath: /healthz
  EnableMetrics: true
  EnablePprof: false
Shutdown:
  WrapUpTime: 1s
  WaitTime: 5.5s
Middlewares:
  Trace: true
  Log: true
  Prometheus: true
  MaxConns: true
  Breaker: true
  Shedding: true
  Timeout: true
  Recover: true
  Metrics: true
  MaxBytes: true
  Gunzip: true
TraceIgnorePaths:
  - /healthz
Auth:
  AccessSecret: a secret of many bytes
  AccessExpire: 86400
DataSource: root:secret@tcp(127.0.0.1:3306)/users
Cache:
  - Host: 127.0.0.1:6379
";

#[test]
fn a_service_of_go_zeros_loads_its_yaml_as_it_is() {
    let conf: UserApi = parse(YAML, Format::Yaml).expect("all of it is known");

    let rest = &conf.rest;
    assert_eq!((rest.name.as_str(), rest.port, rest.timeout), ("user-api", 8888, Duration::from_secs(3)));
    assert_eq!((rest.max_conns, rest.max_bytes, rest.cpu_threshold), (5000, 1 << 20, 900));
    assert_eq!(rest.shutdown.wait_time, Duration::from_millis(5500));
    assert_eq!(rest.trace_ignore_paths, ["/healthz"]);
    assert!(rest.dev_server.enabled && rest.middlewares.breaker);
    assert_eq!(
        (conf.auth.access_secret.as_str(), conf.auth.access_expire),
        ("a secret of many bytes", 86400)
    );
    assert_eq!(conf.data_source, "root:secret@tcp(127.0.0.1:3306)/users");
    assert_eq!(conf.cache[0].host, "127.0.0.1:6379");

    let with_a_slip = YAML.replace("Breaker: true", "Braker: true");
    assert!(parse::<UserApi>(&with_a_slip, Format::Yaml).unwrap_err().to_string().contains("Braker"));
}
