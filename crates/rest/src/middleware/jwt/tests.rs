//! Groups with JWT in an engine.

use axum_core::body::Body;
use http::header::{AUTHORIZATION, LOCATION, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE};
use http_body_util::BodyExt;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use tower::ServiceExt;

use super::*;
use crate::conf::JwtConf;
use crate::extract::{Claims, Extension};
use crate::{Engine, RestConf, Route, RouteGroup, ServeError};

const SECRET: &str = "a secret of some length";

fn token() -> String {
    encode(&Header::default(), &json!({"sub": "ann"}), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

#[derive(serde::Deserialize)]
struct User {
    sub: String,
}

async fn whoami(Claims(user): Claims<User>, Extension(claims): Extension<TokenClaims>) -> String {
    assert_eq!(claims["sub"], user.sub.as_str());
    user.sub
}

async fn offers(request: Request) -> Response {
    let offers = request.headers().get(SEC_WEBSOCKET_PROTOCOL).cloned();
    offers.map(|offers| offers.to_str().unwrap().to_owned()).unwrap_or_default().into_response()
}

fn engine() -> Engine {
    let mut engine = Engine::new(RestConf::default());
    let conf = JwtConf { subprotocol: true, ..JwtConf::new(SECRET) };
    let group = RouteGroup::new().prefix("/my").jwt(conf).route(Route::get("/name", whoami));
    engine.add_routes(group.route(Route::get("/offers", offers)));
    engine.add_route(Route::get("/open", async || "open"));
    engine
}

async fn answer(engine: Engine, request: http::request::Builder) -> (Response, String) {
    let response =
        engine.into_service().unwrap().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(parts, Body::empty()), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_valid_token_lets_in_and_its_claims_are_there() {
    let request = Request::get("/my/name").header(AUTHORIZATION, format!("Bearer {}", token()));
    let (response, body) = answer(engine(), request).await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "ann"));
}

#[tokio::test]
async fn without_one_the_answer_is_an_empty_401_with_a_challenge() {
    let (response, body) = answer(engine(), Request::get("/my/name")).await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::UNAUTHORIZED, ""));
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");

    let request = Request::get("/my/name").header(AUTHORIZATION, "Bearer a.b.c");
    let (response, _) = answer(engine(), request).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn other_routes_are_open() {
    let (response, body) = answer(engine(), Request::get("/open")).await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "open"));
}

#[tokio::test]
async fn a_token_among_the_subprotocols_lets_in_and_is_gone() {
    let offers = format!("chat.v1, bearer, {}", token());
    let request = Request::get("/my/offers").header(SEC_WEBSOCKET_PROTOCOL, offers);
    let (response, body) = answer(engine(), request).await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "chat.v1, bearer"));
}

#[tokio::test]
async fn a_hook_makes_the_answer_but_never_a_success_of_it() {
    let mut hooked = engine();
    hooked.on_unauthorized(|parts, error| format!("{}: {error}", parts.uri));
    let (response, body) = answer(hooked, Request::get("/my/name")).await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::UNAUTHORIZED, "/my/name: there is no token"));
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");

    let mut hooked = engine();
    hooked.on_unauthorized(|_, _| (StatusCode::SEE_OTHER, [(LOCATION, "/login")]));
    let (response, _) = answer(hooked, Request::get("/my/name")).await;
    assert_eq!(
        (response.status(), &response.headers()[LOCATION]),
        (StatusCode::SEE_OTHER, &"/login".parse().unwrap())
    );
}

#[test]
fn a_mistake_in_the_config_is_reported_with_all_others() {
    let mut engine = Engine::new(RestConf::default());
    engine.add_routes(
        RouteGroup::new().prefix("/a").jwt(JwtConf::new("short")).route(Route::get("/b", async || ())),
    );
    engine.add_route(Route::get("c", async || ()));
    let Err(ServeError::Routes(errors)) = engine.into_service() else { panic!("it has two mistakes") };
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "GET /a/b is in a group with a JWT secret of less than 8 bytes",
            "GET c must have a path that begins with /"
        ]
    );
}
