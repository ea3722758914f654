//! The API for other services: what a program with a hub at hand does by its methods, as routes.

mod key;
mod requests;
mod answers;
mod refusal;

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use hub::protocol::{Draft, Publication, Spoken};
use hub::{Hub, Post, TopicName};
use rest::extract::{Json, Query};
use rest::middleware::{Next, from_fn};
use rest::{Error, IntoResponse, Request, Response, Route, RouteGroup};
use serde::{Deserialize, Serialize};

pub use self::key::{ApiKey, WeakKey};

use self::answers::{Clients, Count, History, Published, Users};
use self::refusal::refuse;
use self::requests::{Publish, Send, Target, Topic, Unsubscribe};

/// What other services may do with a hub over HTTP.
///
/// | route | takes | answers |
/// |---|---|---|
/// | `POST /publish` | `topic`, `data`, `key`?, `replaces`? | `position`, `duplicate` |
/// | `POST /send` | `user` or `client`, `data` | `clients`: how many were told |
/// | `POST /kick` | `user` or `client` | `clients`: how many were cut |
/// | `POST /unsubscribe` | `user` or `client`, `topic` | `clients`: how many were in it |
/// | `GET /presence` | `topic`, `limit`?, `after`? | `version`, `total`, `users`: by name, those after `after` |
/// | `GET /presence/count` | `topic` | `users`, `devices` |
/// | `GET /history` | `topic`, `limit`?, `offset` with `epoch`? | `position`, `messages` |
/// | `GET /stats` | | [`Stats`](hub::Stats) |
///
/// Bodies and answers are JSON, with the words of `docs/PROTOCOL.md`; `data` is any JSON, handed on as it came. A POST that names
/// nobody who is there is no error: 0 were told. What cannot be done is `{"code", "msg"}`, with the status as the code:
///
/// | status | when |
/// |---|---|
/// | 400 | not JSON, not a name, a question without its topic |
/// | 422 | JSON with a field that is missing, unknown or of the wrong type |
/// | 401 | no key, or another one |
/// | 410 | the topic no longer has all that came after the position; `msg` says where it stands |
/// | 413 | the body is larger than [`ApiConf::max_body_bytes`], or the message heavier than the hub takes |
/// | 503 | the hub is closed, or does not reach all of its cluster; with a `key` it is safe to publish again |
///
/// Who may use it decides over everyone in the hub. So there are no routes until it is said who that is: by
/// [keys](Self::with_keys), or a [guard](Self::guarded_by) of one's own. See the [crate's page](crate) for an example.
pub struct ServerApi<M> {
    hub: Hub<M>,
    conf: ApiConf,
}

/// The limits of the API.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ApiConf {
    /// How large a body may be, in bytes; 64 KiB by default. A larger one is 413.
    pub max_body_bytes: u64,
    /// How many users or messages are answered at most; 1000 by default, which is also what is answered unless `limit` says
    /// less.
    pub max_items: usize,
}

impl Default for ApiConf {
    fn default() -> Self {
        Self { max_body_bytes: 64 << 10, max_items: 1000 }
    }
}

impl<M: Spoken> ServerApi<M> {
    /// The API of this hub, with the default limits.
    pub fn new(hub: Hub<M>) -> Self {
        Self::with_conf(hub, ApiConf::default())
    }

    /// The API of this hub, with limits of your own.
    pub fn with_conf(hub: Hub<M>, conf: ApiConf) -> Self {
        Self { hub, conf }
    }

    /// The routes, for whoever shows one of these keys: several, so that one can be replaced by another while both are good.
    ///
    /// Without a key nobody is let in.
    pub fn with_keys<S>(self, keys: impl IntoIterator<Item = ApiKey>) -> RouteGroup<S>
    where
        S: Clone + std::marker::Send + Sync + 'static,
    {
        let keys: Arc<[ApiKey]> = keys.into_iter().collect();
        let guard = move |request: Request, next: Next| {
            let is_let_in = key::is_let_in(request.headers(), &keys);
            async move { if is_let_in { next.run(request).await } else { unauthorized() } }
        };
        self.guarded_by(|group| group.layer(from_fn(guard)))
    }

    /// The routes, for whoever a guard lets in: `guard` puts it around them, such as
    /// [`signature`](RouteGroup::signature), a [layer](RouteGroup::layer), or [`jwt`](RouteGroup::jwt).
    ///
    /// A secret of tokens must be one of its own: with that of the users' tokens, each user could kick all others.
    pub fn guarded_by<S>(self, guard: impl FnOnce(RouteGroup<S>) -> RouteGroup<S>) -> RouteGroup<S>
    where
        S: Clone + std::marker::Send + Sync + 'static,
    {
        guard(self.routes())
    }

    /// The routes, for everyone who reaches them: where nobody does but those who may, on a private network for instance.
    pub fn without_auth<S>(self) -> RouteGroup<S>
    where
        S: Clone + std::marker::Send + Sync + 'static,
    {
        self.routes()
    }

    fn routes<S>(self) -> RouteGroup<S>
    where
        S: Clone + std::marker::Send + Sync + 'static,
    {
        let Self { hub, conf } = self;
        let most = conf.max_items;
        let [publishing, sending, kicking, leaving] = std::array::from_fn(|_| hub.clone());
        let [present, counted, kept, counting] = std::array::from_fn(|_| hub.clone());
        RouteGroup::new()
            .max_bytes(conf.max_body_bytes)
            .route(Route::post("/publish", async move |Json(asked): Json<Publish>| {
                publish(&publishing, asked).await
            }))
            .route(Route::post("/send", async move |Json(asked): Json<Send>| {
                let (whom, data) = asked.read()?;
                let message = M::speak(Publication::direct(&data));
                sending.send(whom, message).await.map(Clients::json).map_err(refuse)
            }))
            .route(Route::post("/kick", async move |Json(asked): Json<Target>| {
                kicking.kick(asked.read()?).await.map(Clients::json).map_err(refuse)
            }))
            .route(Route::post("/unsubscribe", async move |Json(asked): Json<Unsubscribe>| {
                let (whom, topic) = asked.read()?;
                leaving.unsubscribe(whom, topic).await.map(Clients::json).map_err(refuse)
            }))
            .route(Route::get("/presence", async move |Query(asked): Query<requests::Users>| {
                let snapshot = present.presence(asked.topic()?).await.map_err(refuse)?;
                Ok::<_, Error>(Json(Users::of(snapshot.unwrap_or_default(), &asked, most)))
            }))
            .route(Route::get("/presence/count", async move |Query(asked): Query<Topic>| {
                let snapshot = counted.presence(asked.topic()?).await.map_err(refuse)?;
                Ok::<_, Error>(Json(Count::of(&snapshot.unwrap_or_default())))
            }))
            .route(Route::get("/history", async move |Query(asked): Query<requests::History>| {
                let (topic, limit, since) = asked.read(most)?;
                let (position, messages) = kept.history(topic, limit, since).await.map_err(refuse)?;
                Ok::<_, Error>(Json(History::of(position, &messages)))
            }))
            .route(Route::get("/stats", async move || Json(counting.stats())))
    }
}

async fn publish<M: Spoken>(hub: &Hub<M>, asked: Publish) -> Result<Json<Published>, Error> {
    let topic: TopicName = asked.topic()?;
    let mut draft = Draft::of_server(&topic, &asked.data);
    draft.key = asked.key.as_deref();
    let mut post = Post::new(M::speak(Publication::message(&draft)));
    if let Some(key) = asked.key {
        post = post.key(key);
    }
    if let Some(word) = asked.replaces {
        post = post.replaces(word);
    }
    hub.publish(topic, post).await.map(Published::json).map_err(refuse)
}

fn unauthorized() -> Response {
    let error = Error::new(StatusCode::UNAUTHORIZED, "this takes a key: Authorization: Bearer …");
    ([(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))], error).into_response()
}

impl<M> std::fmt::Debug for ServerApi<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerApi").field("conf", &self.conf).finish_non_exhaustive()
    }
}
