//! Sealing of secrets: AES-256-GCM under keys that live outside the database.

use std::collections::BTreeMap;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use domain::Secret;
use domain::secret::SEALED_PREFIX;
use sentence::{Sentence, sentence};
use sha2::{Digest, Sha256};

const NONCE_BYTES: usize = 12;
const KEY_BYTES: usize = 32;
/// The width of its column.
const MAX_ID_BYTES: usize = 255;

/// Why a secret could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub enum SealError {
    /// The file holds something else than keys.
    BadKeyFile(String),
    /// The value was sealed under a key that is not there.
    UnknownKey(String),
    /// The value was changed, or belongs to another place.
    Damaged(String),
}

impl SealError {
    /// What people are told.
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::BadKeyFile(what) => {
                sentence!("the key file is not a list of 'id:hexadecimal key of 32 bytes' lines: {what}", what)
            }
            Self::UnknownKey(key) => {
                sentence!("the secret was sealed under key '{key}', which is not in the key file", key)
            }
            Self::Damaged(place) => {
                sentence!("the secret of '{place}' cannot be opened: it was changed or moved", place)
            }
        }
    }
}

/// The keys by id. The last one seals; all of them open, so that keys can be rotated.
#[derive(Clone)]
pub struct Keyring {
    keys: BTreeMap<String, [u8; KEY_BYTES]>,
    current: String,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("ids", &self.keys.keys()).finish_non_exhaustive()
    }
}

impl Keyring {
    /// A new key, as the text of a key file.
    pub fn generate() -> String {
        let key: [u8; KEY_BYTES] = rand::random();
        format!("k1:{}\n", hex::encode(key))
    }

    /// Reads the text of a key file: one `id:key` a line, `#` begins a comment.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let mut keys = BTreeMap::new();
        let mut current = None;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for (number, line) in lines.enumerate() {
            let bad = || SealError::BadKeyFile(format!("entry {}", number + 1));
            let (id, key) = line.split_once(':').ok_or_else(bad)?;
            let key: [u8; KEY_BYTES] =
                hex::decode(key.trim()).ok().and_then(|key| key.try_into().ok()).ok_or_else(bad)?;
            if !(1..=MAX_ID_BYTES).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(bad());
            }
            keys.insert(id.to_owned(), key);
            current = Some(id.to_owned());
        }
        let current = current.ok_or_else(|| SealError::BadKeyFile("no key in it".into()))?;
        Ok(Self { keys, current })
    }

    /// What tells keys apart without telling them, by id. They are random and of 256 bits: a plain hash gives nothing away.
    pub(crate) fn fingerprints(&self) -> Vec<(String, [u8; 32])> {
        let print = |key: &[u8; KEY_BYTES]| {
            Sha256::new_with_prefix(b"backout-key-fingerprint").chain_update(key).finalize().into()
        };
        self.keys.iter().map(|(id, key)| (id.clone(), print(key))).collect()
    }

    /// Seals a text for one place; it opens at that place only.
    pub fn seal(&self, place: &str, plain: &Secret) -> Result<Secret, SealError> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: plain.expose().as_bytes(), aad: place.as_bytes() };
        let sealed = self
            .cipher(&self.current)?
            .encrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| SealError::Damaged(place.to_owned()))?;
        let bytes = [nonce.as_slice(), &sealed].concat();
        Ok(Secret::new(format!("{SEALED_PREFIX}{}:{}", self.current, BASE64.encode(bytes))))
    }

    /// Opens what was sealed for that place.
    pub fn open(&self, place: &str, sealed: &Secret) -> Result<Secret, SealError> {
        let damaged = || SealError::Damaged(place.to_owned());
        let text = sealed.expose().strip_prefix(SEALED_PREFIX).ok_or_else(damaged)?;
        let (id, encoded) = text.split_once(':').ok_or_else(damaged)?;
        let bytes = BASE64.decode(encoded).map_err(|_| damaged())?;
        let (nonce, message) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(damaged)?;
        let plain = self
            .cipher(id)?
            .decrypt(Nonce::from_slice(nonce), Payload { msg: message, aad: place.as_bytes() })
            .map_err(|_| damaged())?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| damaged())
    }

    /// A message authentication code under a key derived from the current one: unlike a hash, nobody without the
    /// key can try out what it was made of.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.keys.get(&self.current).copied().unwrap_or_default(), parts)
    }

    /// Whether this is the code of these parts under any of the keys: one written before a rotation stays good.
    pub fn is_mac(&self, code: &[u8], parts: &[&[u8]]) -> bool {
        self.keys.values().any(|key| mac(key, parts).as_slice() == code)
    }

    fn cipher(&self, id: &str) -> Result<Aes256Gcm, SealError> {
        let key = self.keys.get(id).ok_or_else(|| SealError::UnknownKey(id.to_owned()))?;
        Ok(Aes256Gcm::new(key.into()))
    }
}

/// HMAC's construction over SHA-256, with lengths, so that parts cannot be shifted into each other.
fn mac(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> [u8; 32] {
    let inner = Sha256::new_with_prefix([b"backout-audit-inner".as_slice(), key].concat());
    let inner = parts.iter().fold(inner, |hash, part| hash.chain_update(part.len().to_be_bytes()).chain_update(part));
    let outer = Sha256::new_with_prefix([b"backout-audit-outer".as_slice(), key].concat());
    outer.chain_update(inner.finalize()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> Keyring {
        Keyring::parse(&Keyring::generate()).unwrap()
    }

    #[test]
    fn a_sealed_secret_opens_at_its_own_place_only() {
        let keys = keyring();
        let sealed = keys.seal("a.url", &Secret::new("mariadb://u:p@h/d")).unwrap();
        assert!(sealed.is_sealed());
        assert_eq!(keys.open("a.url", &sealed).unwrap().expose(), "mariadb://u:p@h/d");
        assert_eq!(keys.open("b.url", &sealed), Err(SealError::Damaged("b.url".into())));
    }

    #[test]
    fn an_old_key_still_opens_after_rotation() {
        let old_text = Keyring::generate();
        let sealed = Keyring::parse(&old_text).unwrap().seal("x", &Secret::new("s")).unwrap();
        let rotated = Keyring::parse(&format!("{old_text}k2:{}", "ab".repeat(32))).unwrap();
        assert_eq!(rotated.open("x", &sealed).unwrap().expose(), "s");
        assert!(rotated.seal("x", &Secret::new("s")).unwrap().expose().starts_with("sealed:k2:"));
    }

    #[test]
    fn a_code_stays_good_after_rotation_and_is_of_its_parts_and_keys_only() {
        let old_text = Keyring::generate();
        let code = Keyring::parse(&old_text).unwrap().mac(&[b"a", b"bc"]);
        let rotated = Keyring::parse(&format!("{old_text}k2:{}", "ab".repeat(32))).unwrap();
        assert!(rotated.is_mac(&code, &[b"a", b"bc"]));
        assert!(!rotated.is_mac(&code, &[b"ab", b"c"]));
        assert!(!keyring().is_mac(&code, &[b"a", b"bc"]));
    }

    #[test]
    fn another_keyring_does_not_open() {
        let sealed = keyring().seal("x", &Secret::new("s")).unwrap();
        assert!(keyring().open("x", &sealed).is_err());
    }
}
