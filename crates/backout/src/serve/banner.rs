//! What a person sees once everything runs.

use std::io::Write;
use std::net::SocketAddr;

use domain::view::MintedToken;
use i18n::{Language, text};

/// Prints the address, and the administrator's token if it was made just now: it cannot be shown again.
pub(super) fn print(language: Language, address: SocketAddr, token: Option<&MintedToken>) {
    let url = format!("http://{address}");
    let params = [("url", url.as_str()), ("version", env!("CARGO_PKG_VERSION"))];
    let mut lines = vec![text(language, "serve.serves", params), text(language, "serve.docs", params)];
    if let Some(token) = token {
        lines.push(text(language, "serve.admin-token", [("token", token.secret.as_str())]));
        lines.push(format!("  export BACKOUT_TOKEN={}", token.secret));
    }
    let mut stdout = std::io::stdout().lock();
    // Whoever closed standard output does not want to read it.
    let _ = writeln!(stdout, "{}", lines.join("\n"));
    let _ = stdout.flush();
}
