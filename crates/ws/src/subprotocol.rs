use http::HeaderMap;
use http::header::SEC_WEBSOCKET_PROTOCOL;

use crate::handshake::HandshakeError;
use crate::header::{elements, is_token};

/// Picks a subprotocol: of those that the client offers, in the order of its preference, the first that is supported.
///
/// `None` where none is, or none was offered.
pub(crate) fn pick<'a>(
    headers: &HeaderMap,
    supported: &'a [String],
) -> Result<Option<&'a str>, HandshakeError> {
    let offered = elements(headers, SEC_WEBSOCKET_PROTOCOL).ok_or(HandshakeError::MalformedSubprotocol)?;
    for (i, offer) in offered.iter().enumerate() {
        if !is_token(offer) || offered[..i].contains(offer) {
            return Err(HandshakeError::MalformedSubprotocol);
        }
    }
    let find = |offer: &&str| supported.iter().find(|supported| supported == offer);
    Ok(offered.iter().find_map(find).map(String::as_str))
}
