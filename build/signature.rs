//! Checks the signature of the list of all files: `SHA256SUMS.minisig` by `PUBLIC_KEY`.

use std::fs;
use std::io;
use std::path::Path;

use minisign_verify::{PublicKey, Signature};

use super::manifest::{SIGNATURE_NAME, SUMS_NAME};
use super::rules::{PUBLIC_KEY, read_text, shown};

/// The longest signature, so that it fits into a few blocks. minisign writes 300 bytes, and the
/// comments in it may have 8192.
const MAX_SIGNATURE: usize = 16 << 10;

/// The signature to embed, which is empty if there is none; or the problem with it.
///
/// `sums` is the list as it will be served. It is written beside the stage `out`, because that very
/// text has to be signed.
///
/// # Errors
/// The list cannot be written.
pub(super) fn check(assets: &Path, sums: &str, out: &Path) -> io::Result<Result<String, String>> {
    let list = out.with_file_name(SUMS_NAME);
    if let Some(parent) = list.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&list, sums)?;
    let problem = |(name, why): (&str, String)| {
        let (assets, list) = (shown(assets), shown(&list));
        format!(
            "{assets}/{name}: {why}. The list to sign is {list}; `minisign -S -s SECRET_KEY -x \
             {assets}/{SIGNATURE_NAME} -m {list}` signs it. To embed no signature, remove \
             {assets}/{PUBLIC_KEY} and {assets}/{SIGNATURE_NAME}"
        )
    };
    Ok(signature(assets, sums).map_err(problem))
}

/// The signature, or the file with the problem and the problem.
fn signature(assets: &Path, sums: &str) -> Result<String, (&'static str, String)> {
    let read = |name: &'static str| {
        let text = read_text(assets, name);
        text.map_err(|error| (name, format!("cannot be read: {error}")))
    };
    let key = match read(PUBLIC_KEY)? {
        None => None,
        Some(text) => {
            let key = PublicKey::decode(&text).or_else(|_| PublicKey::from_base64(text.trim()));
            let why = "not a public key as minisign writes it";
            Some(key.map_err(|_| (PUBLIC_KEY, why.to_owned()))?)
        }
    };
    let Some(text) = read(SIGNATURE_NAME)? else {
        let why = "missing, and there is a PUBLIC_KEY to check it with".to_owned();
        return key.map_or(Ok(String::new()), |_| Err((SIGNATURE_NAME, why)));
    };
    let refused = |why: String| (SIGNATURE_NAME, why);
    if text.len() > MAX_SIGNATURE {
        return Err(refused(format!("longer than {MAX_SIGNATURE} bytes")));
    }
    let signature = Signature::decode(&text)
        .map_err(|_| refused("not a signature as minisign writes it".to_owned()))?;
    if let Some(key) = key {
        key.verify(sums.as_bytes(), &signature, true).map_err(|error| {
            refused(format!(
                "not a signature of the list of these files by the key in {PUBLIC_KEY} ({error})"
            ))
        })?;
    }
    Ok(text)
}

/// A warning about a signature that cannot be checked.
pub(crate) fn warning(assets: &Path) -> Option<String> {
    let has_signature = assets.join(SIGNATURE_NAME).exists();
    (has_signature && !assets.join(PUBLIC_KEY).exists()).then(|| {
        format!(
            "{}/{SIGNATURE_NAME} is embedded without a check. Put the key beside it, in a file \
             {PUBLIC_KEY}, and the build checks it",
            shown(assets)
        )
    })
}
