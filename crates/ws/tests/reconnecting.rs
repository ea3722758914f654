//! A client that comes back, on a paused clock: each attempt is a pipe, whose other end is a server made of bytes.

#![expect(clippy::unwrap_used, reason = "its helpers are a test's too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::duplex;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use ws::test::{Frame, Peer};
use ws::{
    CloseCode, CloseFrame, Dialer, Error, Message, ReconnectConf, ReconnectError, Reconnecting, WebSocket,
};

const URL: &str = "ws://example.com/feed";

/// The servers that a client comes to, one per attempt.
type Servers = mpsc::UnboundedReceiver<Peer>;

fn client(conf: ReconnectConf) -> (Reconnecting, Servers) {
    let (sender, servers) = mpsc::unbounded_channel();
    let client = Reconnecting::new(conf, move || {
        let (near, far) = duplex(1 << 16);
        sender.send(Peer::server(far)).unwrap();
        async move { Dialer::default().connect_over(URL, near).await }
    });
    (client, servers)
}

async fn accept(servers: &mut Servers) -> Peer {
    let mut peer = servers.recv().await.unwrap();
    let request = peer.head().await;
    let accept = derive_accept_key(request.header("sec-websocket-key").unwrap().as_bytes());
    peer.write(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ))
    .await;
    peer
}

async fn refuse(servers: &mut Servers, status: &str, more: &str) {
    let mut peer = servers.recv().await.unwrap();
    peer.head().await;
    peer.write(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{more}\r\n")).await;
    assert_eq!(peer.next().await, None);
}

/// Answers the handshake, says good-bye, and ends.
async fn accept_and_close(servers: &mut Servers, code: u16) {
    let mut peer = accept(servers).await;
    peer.send(CloseFrame::new(CloseCode(code), "")).await;
    assert_eq!(peer.rest().await.len(), 1, "the echo");
}

#[tokio::test(start_paused = true)]
async fn messages_go_on_after_a_connection_is_lost() {
    let (mut client, mut servers) = client(ReconnectConf::default());
    assert!(!client.is_connected(), "it connects when it is used");
    let server = tokio::spawn(async move {
        for text in ["one", "two", "three"] {
            let mut peer = accept(&mut servers).await;
            peer.send(Frame::text(text)).await;
        }
        servers
    });
    for text in ["one", "two", "three"] {
        assert_eq!(client.recv().await.unwrap(), Some(Message::text(text)));
        assert!(client.is_connected());
    }
    let _servers = server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_new_connection_begins_with_the_hook() {
    let (client, mut servers) = client(ReconnectConf::default());
    let count = Arc::new(AtomicUsize::new(0));
    let mut client = client.on_connect(move |mut socket| {
        let greeting = format!("hello {}", count.fetch_add(1, Ordering::Relaxed));
        async move {
            socket.send(greeting).await?;
            Ok(socket)
        }
    });
    let server = tokio::spawn(async move {
        let mut peer = accept(&mut servers).await;
        assert_eq!(peer.text().await, "hello 0");
        assert_eq!(peer.text().await, "a message");
        drop(peer);
        let mut peer = accept(&mut servers).await;
        assert_eq!(peer.text().await, "hello 1", "before anything else");
        peer.send(Frame::text("welcome back")).await;
        (peer, servers)
    });
    client.send("a message").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(Message::text("welcome back")));
    let _open = server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_or_hangs_is_a_failed_attempt() {
    let (client, mut servers) = client(ReconnectConf::default());
    let attempt = AtomicUsize::new(0);
    let mut client = client.on_connect(move |socket: WebSocket| {
        let attempt = attempt.fetch_add(1, Ordering::Relaxed);
        async move {
            match attempt {
                0 => Err(Error::peer("not yet")),
                1 => std::future::pending().await,
                _ => Ok(socket),
            }
        }
    });
    let begin = Instant::now();
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            assert_eq!(accept(&mut servers).await.next().await, None, "it is cut");
        }
        let mut peer = accept(&mut servers).await;
        peer.send(Frame::text("at last")).await;
        (peer, servers)
    });
    assert_eq!(client.recv().await.unwrap(), Some(Message::text("at last")));
    assert!(begin.elapsed() >= ReconnectConf::default().resume_timeout, "{:?}", begin.elapsed());
    let _open = server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_tried_so_often_and_in_bounded_time() {
    let conf = ReconnectConf { max_attempts: 8, ..ReconnectConf::default() };
    let (mut client, mut servers) = client(conf);
    let begin = Instant::now();
    let error = client.recv().await;
    // The servers are dropped unanswered only now, so that each attempt takes its whole time.
    assert!(matches!(error, Err(ReconnectError::Connect(error)) if error.is_timeout()));
    let mut attempts = 0;
    while servers.try_recv().is_ok() {
        attempts += 1;
    }
    assert_eq!(attempts, 8);
    let waits: f32 = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0].iter().sum();
    let took = begin.elapsed() - Duration::from_secs(10) * 8;
    assert!(took <= Duration::from_secs_f32(waits), "{took:?}");
    assert!(took > Duration::from_secs(1), "{took:?}");
    assert_eq!(client.recv().await.unwrap(), None, "it has given up");
    assert!(matches!(client.send("too late").await, Err(ReconnectError::Socket(error)) if error.is_closed()));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_when_is_not_asked_before() {
    let (mut client, mut servers) = client(ReconnectConf::default());
    let begin = Instant::now();
    let server = tokio::spawn(async move {
        refuse(&mut servers, "503 Service Unavailable", "Retry-After: 120\r\n").await;
        let mut peer = accept(&mut servers).await;
        let came = begin.elapsed();
        peer.send(Frame::text("here")).await;
        (came, peer, servers)
    });
    assert_eq!(client.recv().await.unwrap(), Some(Message::text("here")));
    let (came, ..) = server.await.unwrap();
    assert!((120_000..=120_500).contains(&came.as_millis()), "{came:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_more_time_than_there_is_or_refuses_for_good_is_given_up_at_once() {
    for (status, more) in [
        ("503 Service Unavailable", "Retry-After: 301\r\n"),
        ("503 Service Unavailable", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n"),
        ("401 Unauthorized", ""),
        ("404 Not Found", ""),
        ("302 Found", "Location: /elsewhere\r\n"),
        ("501 Not Implemented", ""),
    ] {
        let (mut client, mut servers) = client(ReconnectConf::default());
        let refusing = tokio::spawn(async move {
            refuse(&mut servers, status, more).await;
            servers
        });
        let error = client.recv().await.unwrap_err();
        assert!(matches!(&error, ReconnectError::Connect(error) if error.status().is_some()), "{error}");
        assert!(refusing.await.unwrap().try_recv().is_err(), "{status} {more}: no second attempt");
    }
}

#[tokio::test(start_paused = true)]
async fn the_code_of_a_close_says_whether_to_come_back() {
    for (code, comes_back) in [
        (1000, false),
        (1001, true),
        (1002, false),
        (1003, false),
        (1007, false),
        (1008, false),
        (1009, false),
        (1010, false),
        (1011, true),
        (1012, true),
        (1013, true),
        (3000, false),
        (3003, false),
        (3008, true),
        (4000, false),
        (4999, false),
    ] {
        let (mut client, mut servers) = client(ReconnectConf::default());
        let server = tokio::spawn(async move {
            accept_and_close(&mut servers, code).await;
            let mut peer = accept(&mut servers).await;
            peer.send(Frame::text("back")).await;
            peer
        });
        let received = client.recv().await.unwrap();
        assert_eq!(received, comes_back.then(|| Message::text("back")), "{code}");
        assert_eq!(client.close_frame().unwrap().code().0, code);
        if !comes_back {
            assert!(!server.is_finished(), "{code}: no second attempt");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_application_may_decide_by_the_close() {
    let (client, mut servers) = client(ReconnectConf::default());
    let mut client = client.retry_if(|close| close.code().0 == 4001);
    let server = tokio::spawn(async move {
        accept_and_close(&mut servers, 4001).await;
        accept_and_close(&mut servers, 1012).await;
    });
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.close_frame().unwrap().code(), CloseCode::SERVICE_RESTART);
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_breaks_the_protocol_is_not_tried_again() {
    let (mut client, mut servers) = client(ReconnectConf::default());
    let server = tokio::spawn(async move {
        let mut peer = accept(&mut servers).await;
        peer.write(b"\x81\x80\0\0\0\0").await;
        assert_eq!(peer.closed().await.0, 1002);
        servers
    });
    assert!(matches!(client.recv().await, Err(ReconnectError::Socket(error)) if error.is_protocol()));
    assert!(server.await.unwrap().try_recv().is_err(), "no second attempt");
}

#[tokio::test(start_paused = true)]
async fn connections_that_do_not_last_are_failures_and_stable_ones_make_up_for_them() {
    let conf = ReconnectConf { max_attempts: 3, ..ReconnectConf::default() };
    let (mut client, mut servers) = client(conf.clone());
    let server = tokio::spawn(async move {
        for lives in [0, 0, 11, 0, 0, 11, 0, 0, 0] {
            let peer = accept(&mut servers).await;
            tokio::time::sleep(Duration::from_secs(lives)).await;
            drop(peer);
        }
        servers
    });
    let error = client.recv().await.unwrap_err();
    assert!(matches!(error, ReconnectError::Socket(_)), "{error}");
    // The last stable one, and two after it, are three losses in a row.
    assert!(!server.is_finished());
}

#[tokio::test(start_paused = true)]
async fn whatever_is_dropped_goes_on_with_the_next_call() {
    // given a client whose `recv` is dropped whenever it would wait
    let (mut client, mut servers) = client(ReconnectConf::default());
    let server = tokio::spawn(async move {
        refuse(&mut servers, "503 Service Unavailable", "").await;
        let mut peer = accept(&mut servers).await;
        for text in ["one", "two"] {
            peer.send(Frame::text(text)).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        (peer, servers)
    });
    let mut received = Vec::new();
    while received.len() < 2 {
        match client.recv().now_or_never() {
            Some(message) => received.push(message.unwrap().unwrap()),
            None => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    // then it has connected all the same, and nothing is lost
    assert_eq!(received, [Message::text("one"), Message::text("two")]);
    let (_peer, mut servers) = server.await.unwrap();
    assert!(servers.try_recv().is_err(), "two attempts are enough");
}

#[tokio::test(start_paused = true)]
async fn a_message_is_not_sent_twice() {
    let (mut client, mut servers) = client(ReconnectConf::default());
    let server = tokio::spawn(async move {
        drop(accept(&mut servers).await);
        let mut peer = accept(&mut servers).await;
        (peer.text().await, peer)
    });
    let mut failed = 0;
    while !server.is_finished() {
        match client.send(format!("after {failed} failures")).await {
            Ok(()) => tokio::task::yield_now().await,
            Err(ReconnectError::Socket(error)) => {
                assert!(error.is_closed(), "{error}");
                failed += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(failed, 1, "the first connection's");
    assert_eq!(server.await.unwrap().0, "after 1 failures");
}

#[tokio::test(start_paused = true)]
async fn closing_ends_the_connection_there_is() {
    let (mut client, mut servers) = client(ReconnectConf::default());
    let server = tokio::spawn(async move {
        let mut peer = accept(&mut servers).await;
        peer.send(Frame::text("hello")).await;
        peer.closed().await
    });
    client.recv().await.unwrap();
    client.close(CloseFrame::new(CloseCode::GOING_AWAY, "enough")).await;
    assert_eq!(server.await.unwrap(), (1001, "enough".to_owned()));
}
