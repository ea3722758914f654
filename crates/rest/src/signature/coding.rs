//! The content coding `aes128gcm`, RFC 8188.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

use crate::Body;

/// The key of one message, and how many of its records there were.
struct Records {
    key: LessSafeKey,
    base: [u8; NONCE_LEN],
    count: u64,
}

impl Records {
    fn new(ikm: &[u8], salt: &[u8]) -> Self {
        let prk = Salt::new(HKDF_SHA256, salt).extract(ikm);
        let (mut key, mut base) = ([0; KEY_LEN], [0; NONCE_LEN]);
        for (info, out) in [(KEY_INFO, &mut key[..]), (NONCE_INFO, &mut base[..])] {
            let filled = prk.expand(&[info], Length(out.len())).and_then(|okm| okm.fill(out));
            filled.expect("HKDF gives up to 8160 bytes");
        }
        let key = UnboundKey::new(&AES_128_GCM, &key).expect("it has the length of a key");
        Self { key: LessSafeKey::new(key), base, count: 0 }
    }

    fn next_nonce(&mut self) -> Nonce {
        let mut nonce = self.base;
        for (byte, count) in nonce[4..].iter_mut().zip(self.count.to_be_bytes()) {
            *byte ^= count;
        }
        self.count += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal(&mut self, plain: &[u8], is_last: bool) -> Vec<u8> {
        let mut record = plain.to_vec();
        record.push(if is_last { LAST } else { NOT_LAST });
        if !is_last {
            record.resize(RECORD - TAG, 0); // all but the last have the same length
        }
        let nonce = self.next_nonce();
        self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record).expect("a record is short");
        record
    }

    /// Opens a record, and says whether it is the last one.
    fn open(&mut self, record: &[u8]) -> Option<(Vec<u8>, bool)> {
        let mut record = record.to_vec();
        let nonce = self.next_nonce();
        let plain = self.key.open_in_place(nonce, Aad::empty(), &mut record).ok()?;
        let end = plain.iter().rposition(|byte| *byte != 0)?;
        let is_last = match plain[end] {
            LAST => true,
            NOT_LAST => false,
            _ => return None,
        };
        Some((plain[..end].to_vec(), is_last))
    }
}

/// Encrypts a message that is there whole.
pub(super) fn seal(ikm: &[u8], plain: &[u8]) -> Bytes {
    let (mut records, head) = begin(ikm);
    let mut sealed = head;
    let mut pieces = plain.chunks(PLAIN).peekable();
    while let Some(piece) = pieces.next() {
        sealed.extend_from_slice(&records.seal(piece, pieces.peek().is_none()));
    }
    if plain.is_empty() {
        sealed.extend_from_slice(&records.seal(b"", true));
    }
    sealed.into()
}

/// Draws a salt, and writes the head of a message.
fn begin(ikm: &[u8]) -> (Records, Vec<u8>) {
    let salt = super::random::<SALT_LEN>();
    let mut head = salt.to_vec();
    head.extend_from_slice(&RECORD_IN_HEAD);
    head.push(0); // no key id: the header of the signature names the key
    (Records::new(ikm, &salt), head)
}

/// Decrypts a message that is there whole.
pub(crate) fn open(ikm: &[u8], mut sealed: &[u8]) -> Result<Vec<u8>, Broken> {
    if sealed.len() < SALT_LEN + 5 {
        return Err(Broken(()));
    }
    let mut records = Records::new(ikm, &sealed[..SALT_LEN]);
    sealed.advance(SALT_LEN);
    let size = sealed.get_u32() as usize;
    let id = usize::from(sealed.get_u8());
    if size <= TAG + 1 || sealed.len() < id {
        return Err(Broken(()));
    }
    sealed.advance(id);
    let mut plain = Vec::with_capacity(sealed.len());
    let mut pieces = sealed.chunks(size).peekable();
    while let Some(piece) = pieces.next() {
        let (opened, is_last) = records.open(piece).ok_or(Broken(()))?;
        if is_last != pieces.peek().is_none() {
            return Err(Broken(())); // cut off, or with something behind it
        }
        plain.extend_from_slice(&opened);
    }
    if records.count == 0 { Err(Broken(())) } else { Ok(plain) }
}

/// A body, encrypted while it is sent.
pub(crate) struct Sealed {
    body: Body,
    records: Records,
    /// What is to be sent before the next record.
    head: Vec<u8>,
    plain: BytesMut,
    is_done: bool,
}

impl Sealed {
    pub(crate) fn new(ikm: &[u8], body: Body) -> Self {
        let (records, head) = begin(ikm);
        Self { body, records, head, plain: BytesMut::new(), is_done: false }
    }

    fn record(
        &mut self,
        length: usize,
        is_last: bool,
    ) -> Poll<Option<Result<Frame<Bytes>, axum_core::Error>>> {
        let mut bytes = std::mem::take(&mut self.head);
        bytes.extend_from_slice(&self.records.seal(&self.plain[..length], is_last));
        self.plain.advance(length);
        self.is_done = is_last;
        Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
    }
}

impl HttpBody for Sealed {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        loop {
            if this.is_done {
                return Poll::Ready(None);
            }
            if this.plain.len() > PLAIN {
                return this.record(PLAIN, false);
            }
            let frame = match Pin::new(&mut this.body).poll_frame(cx) {
                // What is there goes out, filled up, as the rest may take its time.
                Poll::Pending if !this.plain.is_empty() => return this.record(this.plain.len(), false),
                polled => ready!(polled).transpose()?,
            };
            match frame.map(Frame::into_data) {
                None => return this.record(this.plain.len(), true),
                Some(Ok(data)) => this.plain.extend_from_slice(&data),
                Some(Err(_trailers)) => {} // they could not be encrypted
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_done
    }
}

/// What cannot be decrypted: another key, changed on its way, or cut off.
#[derive(Debug)]
pub struct Broken(());

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body cannot be decrypted")
    }
}

impl std::error::Error for Broken {}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// The name of the coding.
pub(crate) const AES128GCM: &str = "aes128gcm";
const KEY_INFO: &[u8] = b"Content-Encoding: aes128gcm\0";
const NONCE_INFO: &[u8] = b"Content-Encoding: nonce\0";
const SALT_LEN: usize = 16;
const KEY_LEN: usize = 16;
const TAG: usize = 16;
/// The length of a record, encrypted.
const RECORD: usize = 4096;
const RECORD_IN_HEAD: [u8; 4] = 4096_u32.to_be_bytes();
/// How much of it is the message: a byte marks its end.
const PLAIN: usize = RECORD - TAG - 1;
const LAST: u8 = 2;
const NOT_LAST: u8 = 1;

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use futures_util::StreamExt;
    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_examples_of_the_rfc_are_opened() {
        let sealed = "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg";
        let plain = open(&bytes("yqdlZ-tYemfogSmv7Ws5PQ"), &bytes(sealed)).unwrap();
        assert_eq!(plain, b"I am the walrus");

        // Of two records, of 25 bytes each.
        let sealed = "uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA";
        let plain = open(&bytes("BO3ZVPxUlnLORbVGMpbT1Q"), &bytes(sealed)).unwrap();
        assert_eq!(plain, b"I am the walrus");
    }

    #[tokio::test]
    async fn what_is_sealed_whole_or_piece_by_piece_is_opened_again() {
        for length in [0, 1, PLAIN - 1, PLAIN, PLAIN + 1, 2 * PLAIN, 10_000] {
            let plain: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(length).collect();
            assert_eq!(open(b"key", &seal(b"key", &plain)).unwrap(), plain, "{length}");

            let pieces: Vec<_> = plain.chunks(700).map(|it| Ok::<_, std::io::Error>(it.to_vec())).collect();
            let pieces = stream::iter(pieces).then(|piece| async {
                tokio::task::yield_now().await;
                piece
            });
            let sealed = Sealed::new(b"key", Body::from_stream(pieces)).collect().await.unwrap().to_bytes();
            assert_eq!(open(b"key", &sealed).unwrap(), plain, "{length} in pieces");
        }
    }

    #[test]
    fn a_change_and_a_cut_are_noticed() {
        let sealed = seal(b"key", &[7; 10_000]);
        for at in [0, 16, 21, 30, 5000, sealed.len() - 1] {
            let mut changed = sealed.to_vec();
            changed[at] ^= 1;
            assert!(open(b"key", &changed).is_err(), "changed at {at}");
        }
        for length in [0, 20, 21, 22, 21 + RECORD, 21 + 2 * RECORD, sealed.len() - 1] {
            assert!(open(b"key", &sealed[..length]).is_err(), "cut at {length}");
        }
        assert!(open(b"other", &sealed).is_err());
        assert!(open(b"key", &[&sealed[..], b"more"].concat()).is_err());
    }
}
