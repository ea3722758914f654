use std::net::Ipv4Addr;

use rest::{Engine, RestConf, ServeError};
use tokio::net::TcpListener;

use crate::support::conf;

fn engine(host: &str, port: u16) -> Engine {
    Engine::new(RestConf { host: host.to_owned(), port, ..conf() })
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_the_address() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();

    // `localhost` may have an IPv6 address too, whose port is free: taking that one would hide the mistake.
    for host in ["127.0.0.1", "localhost"] {
        let error = engine(host, port).bind().await.unwrap_err();

        assert!(matches!(&error, ServeError::Bind { addr, .. } if *addr == format!("{host}:{port}")));
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot listen on {host}:{port}: ")), "{text}");
    }
}

#[tokio::test]
async fn a_host_that_is_nobody_is_an_error_that_names_it() {
    let error = engine("no host", 80).start().await.unwrap_err().to_string();

    assert!(error.starts_with("cannot listen on no host:80: "), "{error}");
}

#[tokio::test]
async fn a_host_name_is_listened_on_by_ipv4_first() {
    let server = engine("localhost", 0).bind().await.unwrap();

    assert_eq!(server.addr().ip(), Ipv4Addr::LOCALHOST);
    assert_ne!(server.addr().port(), 0);
    assert_eq!(server.url(), format!("http://localhost:{}", server.addr().port()));
}

#[tokio::test]
async fn the_port_is_free_again_when_the_server_is_gone() {
    let server = engine("127.0.0.1", 0).bind().await.unwrap();
    let port = server.addr().port();
    assert!(engine("127.0.0.1", port).bind().await.is_err());

    drop(server);

    assert_eq!(engine("127.0.0.1", port).bind().await.unwrap().addr().port(), port);
}
