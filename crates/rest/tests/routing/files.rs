use std::fs;

use http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use rest::{Engine, EngineService, Route};

use crate::support::{ask, call, conf, request};

/// A directory of this test's own, with a file, a directory with an index, and a secret beside it.
struct Directory(std::path::PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("zeroxide-files-{}-{name}", std::process::id()));
        fs::create_dir_all(root.join("public/sub")).unwrap();
        fs::write(root.join("public/a b.txt"), "0123456789").unwrap();
        fs::write(root.join("public/sub/index.html"), "<p>index").unwrap();
        fs::write(root.join("secret"), "secret").unwrap();
        Self(root)
    }

    fn serve(&self, prefix: &str) -> EngineService {
        let mut engine = Engine::new(conf());
        engine.serve_dir(prefix, self.0.join("public"));
        engine.add_route(Route::get("/ws", || async { "the route" }));
        engine.into_service().unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn files_are_served_and_nothing_else() {
    let directory = Directory::new("served");
    let service = directory.serve("/static/");
    for (line, expected) in [
        ("GET /static/a%20b.txt", "200 0123456789"),
        ("HEAD /static/a%20b.txt", "200"),
        ("GET //static//a%20b.txt", "200 0123456789"),
        ("GET /static/sub/", "200 <p>index"),
        ("POST /static/a%20b.txt", "405"),
        ("GET /static/none", "404"),
        ("GET /static/", "404"),
        ("GET /static/../secret", "404 404 page not found"),
        ("GET /static/%2e%2e/secret", "404 404 page not found"),
        ("GET /static/..%2fsecret", "404 404 page not found"),
        ("GET /static/sub/..%5c..%5csecret", "404 404 page not found"),
        ("GET /static//etc/passwd", "404"),
        ("GET /static/a%20b.txt%00", "404"),
        ("GET /a%20b.txt", "404 404 page not found"),
    ] {
        assert_eq!(ask(&service, line).await, expected, "{line}");
    }
}

#[tokio::test]
async fn a_root_leaves_routes_alone_and_a_directory_is_found_with_its_slash() {
    let directory = Directory::new("root");
    assert_eq!(ask(&directory.serve("/"), "GET /ws").await, "200 the route");
    for (prefix, path) in [("/", "/sub"), ("/static", "/static/sub")] {
        let response = call(&directory.serve(prefix), request(&format!("GET {path}"))).await;
        assert_eq!(response.headers()[LOCATION], format!("{path}/"), "{prefix}");
    }
}

#[tokio::test]
async fn a_part_can_be_asked_for() {
    let directory = Directory::new("part");
    let mut request = request("GET /a%20b.txt");
    request.headers_mut().insert(RANGE, "bytes=2-4".parse().unwrap());
    let response = call(&directory.serve("/"), request).await;
    assert_eq!(response.status(), 206);
    assert_eq!(response.headers()[CONTENT_RANGE], "bytes 2-4/10");
    assert_eq!(response.headers()[CONTENT_TYPE], "text/plain");
}
