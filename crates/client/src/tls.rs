//! Whom to trust where the service is spoken to over TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use sentence::{Sentence, sentence};

use crate::error::{Error, Result};

/// TLS 1.2 and 1.3. The authorities are those of the file, in place of the public ones, or those that browsers trust.
pub(crate) fn config(ca_file: Option<&Path>) -> Result<ClientConfig> {
    let roots = match ca_file {
        Some(file) => read(file)?,
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Settings(Sentence::verbatim(error.to_string())))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn read(file: &Path) -> Result<RootCertStore> {
    let wrong =
        |reason: Sentence| Error::Settings(sentence!("the CA file {file} cannot be used: {reason}", file, reason));
    let theirs = |words: &dyn std::error::Error| wrong(Sentence::verbatim(words.to_string()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| theirs(&error))? {
        let certificate = certificate.map_err(|error| theirs(&error))?;
        roots.add(certificate).map_err(|error| theirs(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(sentence!("there is no certificate in it (PEM is expected)")));
    }
    Ok(roots)
}
