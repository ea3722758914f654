//! Whoever comes while a hub is being drained.

use std::time::Duration;

use futures_util::future::BoxFuture;
use http::StatusCode;
use http::header::RETRY_AFTER;
use hub::{Hub, Message};
use rest::middleware::{FromFnLayer, Next, from_fn};
use rest::{Error, IntoResponse, Request, Response};

/// A layer for routes by which clients come: while the hub is being drained it answers 503, and the handler is not called.
///
/// Without it a handshake succeeds, and the client is sent away again by the hub. `Retry-After` is a whole number of seconds,
/// at random within [`Drain::spread`](hub::Drain::spread) and at least 1, so that they do not all come back at once.
///
/// ```
/// use hub::{Drain, Hub, HubConf};
/// use rest::test::Client;
/// use rest::{Engine, RestConf, Route, RouteGroup, StatusCode};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::<&str>::spawn(HubConf::default());
/// let mut engine = Engine::new(RestConf::default());
/// let come = Route::get("/ws", async || "welcome"); // a WebSocket's route, or that of a stream of events
/// engine.add_routes(RouteGroup::new().layer(hub_http::refuse_while_draining(&hub)).route(come));
/// let mut client = Client::of(engine);
/// assert_eq!(client.get("/ws").await.status, StatusCode::OK);
///
/// hub.drain(Drain::default()).await?;
/// let refused = client.get("/ws").await;
/// assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
/// assert!(refused.headers.contains_key("retry-after"));
/// # Ok(())
/// # }
/// ```
pub fn refuse_while_draining<M: Message>(
    hub: &Hub<M>,
) -> FromFnLayer<
    impl FnOnce(Request, Next) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static,
    Response,
> {
    let hub = hub.clone();
    from_fn(move |request, next: Next| -> BoxFuture<'static, Response> {
        match hub.is_draining() {
            None => Box::pin(next.run(request)),
            Some(spread) => Box::pin(std::future::ready(refusal(spread))),
        }
    })
}

fn refusal(spread: Duration) -> Response {
    let error = Error::new(StatusCode::SERVICE_UNAVAILABLE, "the server is going down");
    let mut response = error.into_response();
    response.headers_mut().insert(RETRY_AFTER, rand::random_range(1..=spread.as_secs().max(1)).into());
    response
}
