//! Services behind TLS, on a real handshake with certificates made for the test.

#![expect(clippy::unwrap_used, reason = "a test whose surroundings fail has failed")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use backout_client::{Client, Error, PageRequest, Settings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const ANSWER: &str = r#"{"success":true,"code":200,"data":{"items":[],"next_cursor":null},"message":"Success"}"#;

/// An authority, and a service with a certificate of it for `localhost`.
struct Secured {
    address: SocketAddr,
    folder: tempfile::TempDir,
    authority: String,
}

impl Secured {
    async fn start() -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = names.signed_by(&key, &authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                // A client that does not trust it ends the handshake.
                let Ok(mut connection) = acceptor.accept(connection).await else { continue };
                let mut request = [0; 4096];
                let read = connection.read(&mut request).await.unwrap();
                assert!(request[..read].starts_with(b"GET /api/v1/tokens "));
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", ANSWER.len());
                connection.write_all((head + ANSWER).as_bytes()).await.unwrap();
                connection.shutdown().await.unwrap();
            }
        });
        Self { address, folder: tempfile::tempdir().unwrap(), authority: authority.pem() }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }
}

fn client(url: String, ca_file: Option<PathBuf>) -> Result<Client, Error> {
    Client::new(Settings { url, ca_file, token: Some("bko_test".into()), language: "en".into() })
}

#[tokio::test]
async fn a_service_is_trusted_by_the_authority_of_the_file() {
    let service = Secured::start().await;
    let file = service.file("ca.pem", &service.authority);
    let tokens =
        client(service.url("localhost"), Some(file)).unwrap().list_tokens(&PageRequest::default()).await.unwrap();
    assert!(tokens.items.is_empty());
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_or_for_another_name_is_refused() {
    let service = Secured::start().await;
    let other = Secured::start().await;
    let (own, others) = (service.file("own.pem", &service.authority), service.file("other.pem", &other.authority));
    for (host, file) in [("localhost", None), ("localhost", Some(others)), ("127.0.0.1", Some(own))] {
        let refused = client(service.url(host), file).unwrap().list_tokens(&PageRequest::default()).await.unwrap_err();
        assert!(matches!(&refused, Error::Tls { reason, .. } if reason.contains("certificate")), "{host}: {refused}");
        assert!(!refused.is_transient());
    }
}

#[tokio::test]
async fn a_service_without_tls_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = connection.read_to_end(&mut rest).await;
    });
    let refused =
        client(format!("https://{address}"), None).unwrap().list_tokens(&PageRequest::default()).await.unwrap_err();
    assert!(matches!(refused, Error::Tls { .. }), "{refused}");
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_refused_with_its_name() {
    let service = Secured::start().await;
    for file in [service.file("empty.pem", ""), service.folder.path().join("missing.pem")] {
        let refused = client(service.url("localhost"), Some(file.clone())).unwrap_err();
        assert!(
            matches!(&refused, Error::Settings(told) if told.to_string().contains(file.to_str().unwrap())),
            "{refused}"
        );
    }
}
