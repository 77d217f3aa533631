//! The key of `--key`, and what it says of a list and its signature.
//!
//! The feature `signatures` has the code. The image leaves it out, because it costs 35 kB.

#[cfg(feature = "signatures")]
pub(super) use checked::Key;
#[cfg(not(feature = "signatures"))]
pub(super) use unchecked::Key;

#[cfg(feature = "signatures")]
mod checked {
    use minisign_verify::{PublicKey, Signature};

    /// A public key of minisign.
    #[derive(Debug)]
    pub(in super::super) struct Key(PublicKey);

    impl Key {
        /// Reads a key, in the two lines that minisign writes or in one.
        ///
        /// # Errors
        /// The file is not a public key, with a message.
        #[expect(clippy::disallowed_methods, reason = "the key is given as a file")]
        pub(in super::super) fn read(path: &str) -> Result<Key, String> {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read the key {path}: {error}"))?;
            let key = PublicKey::decode(&text).or_else(|_| PublicKey::from_base64(text.trim()));
            key.map(Key)
                .map_err(|_| format!("{path} is not a public key as minisign writes it"))
        }

        /// Checks that `signature` is one of `list` by this key.
        ///
        /// # Errors
        /// It is not, with the reason.
        pub(in super::super) fn check(&self, list: &[u8], signature: &[u8]) -> Result<(), String> {
            let text = std::str::from_utf8(signature).ok();
            let signature = text.and_then(|text| Signature::decode(text).ok());
            let signature = signature.ok_or("not a signature as minisign writes it")?;
            let checked = self.0.verify(list, &signature, true);
            checked.map_err(|error| format!("not a signature of the served list ({error})"))
        }
    }
}

#[cfg(not(feature = "signatures"))]
mod unchecked {
    /// No key can be read.
    #[derive(Debug)]
    pub(in super::super) enum Key {}

    impl Key {
        pub(in super::super) fn read(_: &str) -> Result<Key, String> {
            let why = "this bootstone was built without the feature `signatures`, as in the image: \
                       build one with it, or check SHA256SUMS.minisig with minisign";
            Err(why.to_owned())
        }

        pub(in super::super) fn check(&self, _: &[u8], _: &[u8]) -> Result<(), String> {
            match *self {}
        }
    }
}
