//! Where the private server keeps what, and how it can be reached.

use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::error::{Error, Result};
use crate::io_error::{Doing, IoError};

/// `sun_path` has 108 bytes, the last one is zero.
const MAX_SOCKET_PATH: usize = 107;
pub(super) const USER: &str = "backout";
pub(super) const DATABASE: &str = "backout";
const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 15;

/// The folder of the private server, below the data directory.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The folder's places; the data directory must be free of symbolic links, since the running server is found by
    /// the path on its command line.
    pub(super) fn new(data_directory: &Path) -> Result<Self> {
        let layout = Self { root: data_directory.join("mariadb") };
        let path = layout.socket();
        if path.as_os_str().len() > MAX_SOCKET_PATH {
            return Err(Error::SocketPath { path, limit: MAX_SOCKET_PATH });
        }
        Ok(layout)
    }

    /// Makes the folder if it is not there.
    pub(super) fn make(&self) -> Result<()> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root);
        Ok(made.map_err(IoError::of(Doing::Make, &self.root))?)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.root.join("socket")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("error.log")
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.root.join("pid")
    }

    pub(super) fn accounts(&self) -> PathBuf {
        self.root.join("accounts.sql")
    }

    fn password_file(&self) -> PathBuf {
        self.root.join("password")
    }

    /// The password of our account, made at the first call. The folder's and the file's permissions keep it.
    pub(super) fn password(&self) -> Result<String> {
        if let Some(password) = self.known_password()? {
            return Ok(password);
        }
        let random: [u8; 24] = rand::random();
        let password = hex::encode(random);
        write_private(&self.password_file(), &password)?;
        Ok(password)
    }

    pub(super) fn known_password(&self) -> Result<Option<String>> {
        match std::fs::read_to_string(self.password_file()) {
            Ok(password) => Ok(Some(password)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(IoError::of(Doing::Read, &self.password_file())(error).into()),
        }
    }

    /// How the server is reached.
    pub(super) fn url(&self, password: &str) -> SecretString {
        let mut socket = String::new();
        url::form_urlencoded::Serializer::new(&mut socket).append_pair("socket", &self.socket().to_string_lossy());
        format!("mariadb://{USER}:{password}@localhost/{DATABASE}?{socket}").into()
    }

    /// The end of the server's log, for messages.
    pub(super) fn log_tail(&self) -> String {
        let read = || -> std::io::Result<String> {
            let mut file = std::fs::File::open(self.log())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
            let mut bytes = Vec::new();
            file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read().unwrap_or_else(|error| error.to_string());
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

/// Writes a file in one move, readable by its owner only.
pub(super) fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::with_prefix_in(".new-", folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        std::fs::File::open(folder)?.sync_all()
    };
    Ok(write().map_err(IoError::of(Doing::Write, path))?)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_folder_too_deep_for_a_socket_is_refused_with_its_limit() {
        let deep = PathBuf::from(format!("/{}", "d".repeat(100)));
        let told = Layout::new(&deep).unwrap_err().to_string();
        assert!(told.contains("107") && told.contains("116"), "{told}");
    }

    #[test]
    fn an_unusual_path_survives_in_the_url() {
        let layout = Layout::new(Path::new("/srv/a b&c?d%")).unwrap();
        let url = url::Url::parse(layout.url("secret").expose_secret()).unwrap();
        let socket = url.query_pairs().find(|(name, _)| name == "socket").unwrap().1.into_owned();
        assert_eq!(socket, "/srv/a b&c?d%/mariadb/socket");
        assert_eq!((url.scheme(), url.username(), url.path()), ("mariadb", "backout", "/backout"));
    }
}
