use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hub::UserId;
use jsonwebtoken::{EncodingKey, Header};
use rest::extract::{Json, State};
use rest::{Error, StatusCode};
use serde::{Deserialize, Serialize};

use crate::App;

#[derive(Deserialize)]
pub(crate) struct Login {
    name: String,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct LoggedIn {
    pub(crate) token: String,
}

/// What a token says: whose it is, and until when it is good, in seconds since 1970.
#[derive(Deserialize, Serialize)]
pub(crate) struct Token {
    pub(crate) sub: String,
    exp: u64,
}

/// Gives whoever asks a token. This is where a password is checked, or a code that was sent by mail.
pub(crate) async fn login(State(app): State<App>, Json(login): Json<Login>) -> Result<Json<LoggedIn>, Error> {
    let name = login.name.trim();
    UserId::new(name).map_err(|error| Error::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let until = SystemTime::now() + GOOD_FOR;
    let exp = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let key = EncodingKey::from_secret(app.auth.secret.as_bytes());
    let token = jsonwebtoken::encode(&Header::default(), &Token { sub: name.to_owned(), exp }, &key)?;
    Ok(Json(LoggedIn { token }))
}

const GOOD_FOR: Duration = Duration::from_secs(60 * 60);
