use axum_core::extract::FromRequestParts;
use futures_util::FutureExt;
use http::request::Parts;
use rest::{Handler, IntoResponse, Metrics, Request, Response, Route, Upgrade};

use crate::error::Error;
use crate::metrics::WsMetrics;
use crate::socket::WebSocket;
use crate::upgrader::Upgrader;

/// Creates a WebSocket route with the default [`Upgrader`].
///
/// ```
/// use ws::{Error, WebSocket};
///
/// async fn echo(mut socket: WebSocket) -> Result<(), Error> {
///     while let Some(message) = socket.recv().await? {
///         socket.send(message).await?;
///     }
///     Ok(())
/// }
///
/// let mut engine = rest::Engine::new(rest::RestConf::default());
/// engine.add_route(ws::route("/echo", echo));
/// ```
pub fn route<H, T, S>(path: impl Into<String>, handler: H) -> Route<S>
where
    H: SocketHandler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    Upgrader::default().route(path, handler)
}

/// An async function of a [`WebSocket`] and extractors.
///
/// Implemented for functions of the socket and 0 to 15 extractors, which implement
/// [`FromRequestParts`](rest::extract::FromRequestParts). The output is `()` or `Result<(), ws::Error>`.
///
/// The handshake is judged and the arguments are extracted before the 101, so that a refusal is a proper HTTP response.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a WebSocket handler",
    note = "a WebSocket handler is an async fn whose first argument is `ws::WebSocket`, whose others are extractors that do \
            not read the body, and which returns `()` or `Result<(), ws::Error>`"
)]
pub trait SocketHandler<T, S>: Clone + Send + Sync + Sized + 'static {
    /// The extracted arguments.
    type Arguments: Send + 'static;

    /// Extracts the arguments.
    fn extract(
        parts: &mut Parts,
        state: &S,
    ) -> impl Future<Output = Result<Self::Arguments, Response>> + Send;

    /// Runs the handler on a socket.
    fn call(
        self,
        socket: WebSocket,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What a WebSocket handler may return.
pub trait Outcome {
    /// The end of the handler as a result.
    fn into_result(self) -> Result<(), Error>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), Error> {
        Ok(())
    }
}

impl Outcome for Result<(), Error> {
    fn into_result(self) -> Self {
        self
    }
}

/// A handler with its upgrader: what stands in the router.
#[derive(Clone)]
pub(crate) struct SocketRoute<H> {
    upgrader: Upgrader,
    handler: H,
}

impl<H> SocketRoute<H> {
    pub(crate) fn new(upgrader: Upgrader, handler: H) -> Self {
        Self { upgrader, handler }
    }
}

/// Tells the handlers of this crate from those of `rest`.
pub(crate) struct Marker<T>(std::marker::PhantomData<T>);

impl<H, T, S> Handler<Marker<T>, S> for SocketRoute<H>
where
    H: SocketHandler<T, S>,
    T: 'static,
    S: Send + Sync + 'static,
{
    async fn call(self, request: Request, state: S) -> Response {
        let (mut parts, _no_body) = request.into_parts();
        let accepted = match self.upgrader.judge(&parts) {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Ok(metrics) = Metrics::from_request_parts(&mut parts, &state).await {
                    WsMetrics::of(&metrics).refused(error.cause());
                }
                return error.into_response();
            }
        };
        let upgrade = match Upgrade::from_request_parts(&mut parts, &state).await {
            Ok(upgrade) => upgrade,
            Err(rejection) => return rejection.into_response(),
        };
        let arguments = match H::extract(&mut parts, &state).await {
            Ok(arguments) => arguments,
            Err(rejection) => return rejection,
        };
        let handler = self.handler;
        let run = |socket| handler.call(socket, arguments);
        self.upgrader.accept(accepted, upgrade, run).unwrap_or_else(IntoResponse::into_response)
    }
}

macro_rules! socket_handler {
    ($($argument:ident)*) => {
        #[allow(non_snake_case, unused_variables, clippy::allow_attributes, reason = "values take their types' names")]
        impl<F, Fut, S, $($argument,)*> SocketHandler<($($argument,)*), S> for F
        where
            F: FnOnce(WebSocket, $($argument),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output: Outcome> + Send,
            S: Send + Sync + 'static,
            $($argument: FromRequestParts<S> + Send + 'static,)*
        {
            type Arguments = ($($argument,)*);

            async fn extract(parts: &mut Parts, state: &S) -> Result<Self::Arguments, Response> {
                $(
                    let $argument = $argument::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
                )*
                Ok(($($argument,)*))
            }

            // No async fn: that would keep room for the arguments beside the handler's own.
            fn call(
                self,
                socket: WebSocket,
                ($($argument,)*): Self::Arguments,
            ) -> impl Future<Output = Result<(), Error>> + Send {
                self(socket, $($argument),*).map(Outcome::into_result)
            }
        }
    };
}

socket_handler!();
socket_handler!(T1);
socket_handler!(T1 T2);
socket_handler!(T1 T2 T3);
socket_handler!(T1 T2 T3 T4);
socket_handler!(T1 T2 T3 T4 T5);
socket_handler!(T1 T2 T3 T4 T5 T6);
socket_handler!(T1 T2 T3 T4 T5 T6 T7);
socket_handler!(T1 T2 T3 T4 T5 T6 T7 T8);
socket_handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9);
socket_handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10);
socket_handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11);
socket_handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12);
socket_handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13);
socket_handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14);
socket_handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15);
