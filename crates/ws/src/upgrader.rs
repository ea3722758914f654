use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use http::request::Parts;
use rest::{Response, Route, Upgrade};

use crate::caps::Place;
use crate::conf::{Compression, WsConf};
use crate::error::Error;
use crate::handshake::{self, Accepted, HandshakeError};
use crate::metrics::WsMetrics;
use crate::origin::OriginPolicy;
use crate::route::{SocketHandler, SocketRoute};
use crate::session::{self, Admission};
use crate::socket::WebSocket;

/// What a WebSocket route accepts: origins, subprotocols, limits. Made once, used for every handshake.
///
/// ```
/// use ws::{Upgrader, WebSocket, WsConf};
///
/// async fn chat(socket: WebSocket) {
///     println!("{:?} speaks {:?}", socket.peer(), socket.subprotocol());
/// }
///
/// let route: rest::Route = Upgrader::new(WsConf { max_message_bytes: 4096, ..WsConf::default() })
///     .subprotocols(["chat.v2", "chat.v1"])
///     .allow_origins(["https://app.example.com"])
///     .route("/ws", chat);
/// ```
#[derive(Clone)]
pub struct Upgrader {
    conf: Arc<WsConf>,
    origins: OriginPolicy,
    subprotocols: Vec<String>,
    requires_subprotocol: bool,
    compresses: Option<Arc<dyn Fn(&Parts) -> bool + Send + Sync>>,
    /// How many connections the route has.
    connections: Arc<AtomicUsize>,
}

impl Upgrader {
    /// Creates an upgrader that accepts pages of the server's own host, and no subprotocol.
    pub fn new(conf: WsConf) -> Self {
        let origins = OriginPolicy::SameHostOr(Vec::new());
        let conf = Arc::new(conf);
        Self {
            conf,
            origins,
            subprotocols: Vec::new(),
            requires_subprotocol: false,
            compresses: None,
            connections: Arc::default(),
        }
    }

    /// Sets the subprotocols that are supported. Of these the one is taken that the client prefers.
    pub fn subprotocols(mut self, supported: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.subprotocols = supported.into_iter().map(Into::into).collect();
        self
    }

    /// Refuses clients that offer no supported subprotocol, with 400. Otherwise they connect without one.
    pub fn require_subprotocol(mut self) -> Self {
        self.requires_subprotocol = true;
        self
    }

    /// Lets `check` decide by the request whether compression is agreed on, where the client offers it and
    /// [`Compression`](crate::Compression) enables it.
    pub fn compress_if(mut self, check: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.compresses = Some(Arc::new(check));
        self
    }

    /// Accepts pages of these origins, such as `https://app.example.com:8443`, beside those of the server's own host.
    pub fn allow_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.origins = OriginPolicy::SameHostOr(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Lets `check` decide about a page by its origin and the request, and nothing else.
    ///
    /// Requests without an `Origin`, which no browser sends, are not asked about.
    pub fn check_origin(mut self, check: impl Fn(&str, &Parts) -> bool + Send + Sync + 'static) -> Self {
        self.origins = OriginPolicy::Check(Arc::new(check));
        self
    }

    /// Accepts every page on the web. Any site can then act in the name of its visitors, as browsers send their cookies
    /// along; for routes whose users are not recognised by cookies.
    pub fn dangerously_allow_any_origin(mut self) -> Self {
        self.origins = OriginPolicy::Any;
        self
    }

    /// Creates a route whose connections are given to `handler`.
    pub fn route<H, T, S>(mut self, path: impl Into<String>, handler: H) -> Route<S>
    where
        H: SocketHandler<T, S>,
        T: 'static,
        S: Clone + Send + Sync + 'static,
    {
        self.connections = Arc::default(); // a clone may have another route
        Route::get(path, SocketRoute::new(self, handler))
    }

    /// Answers one handshake by hand, in a handler that decides itself whether to.
    ///
    /// # Errors
    ///
    /// The clause that the request breaks; as a response it is the proper refusal.
    pub fn upgrade<F, Fut>(
        &self,
        parts: &Parts,
        upgrade: Upgrade,
        handler: F,
    ) -> Result<Response, HandshakeError>
    where
        F: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let engine = WsMetrics::of(upgrade.metrics());
        let accepted = self.judge(parts).inspect_err(|error| engine.refused(error.cause()))?;
        self.accept(accepted, upgrade, handler)
    }

    pub(crate) fn judge(&self, parts: &Parts) -> Result<Accepted, HandshakeError> {
        handshake::judge(parts, self)
    }

    pub(crate) fn accept<F, Fut>(
        &self,
        accepted: Accepted,
        upgrade: Upgrade,
        handler: F,
    ) -> Result<Response, HandshakeError>
    where
        F: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let engine = WsMetrics::of(upgrade.metrics());
        let place = self.place(&engine, &upgrade).inspect_err(|error| engine.refused(error.cause()))?;
        let (conf, peer) = (self.conf.clone(), upgrade.peer());
        let Accepted { headers, subprotocol, agreed, token } = accepted;
        let token = token.filter(|_| conf.close_at_token_expiry);
        let admission = Admission { conf, subprotocol, agreed, peer, token, place };
        Ok(upgrade.on_upgrade(headers, move |connection, stopping| {
            session::run(connection, admission, stopping, handler)
        }))
    }

    /// Takes the place of a connection that is about to be.
    fn place(&self, engine: &Arc<WsMetrics>, upgrade: &Upgrade) -> Result<Place, HandshakeError> {
        if upgrade.is_stopping() {
            return Err(HandshakeError::Stopping);
        }
        Place::take(engine, self.connections.clone(), &self.conf, upgrade.client_ip())
    }

    pub(crate) fn origins(&self) -> &OriginPolicy {
        &self.origins
    }

    pub(crate) fn supported_subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    /// How to compress for a request; `None` where not to.
    pub(crate) fn compression(&self, parts: &Parts) -> Option<&Compression> {
        let wanted = self.compresses.as_ref().is_none_or(|check| check(parts));
        (self.conf.compression.enabled && wanted).then_some(&self.conf.compression)
    }

    pub(crate) fn requires_subprotocol(&self) -> bool {
        self.requires_subprotocol
    }
}

impl Default for Upgrader {
    fn default() -> Self {
        Self::new(WsConf::default())
    }
}

impl fmt::Debug for Upgrader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { conf, subprotocols, .. } = self;
        f.debug_struct("Upgrader")
            .field("conf", conf)
            .field("subprotocols", subprotocols)
            .finish_non_exhaustive()
    }
}
