//! `backout admin token`: whoever may read the data directory can always get in.

use control::{Control, Setup};
use i18n::{Language, text};

use super::print;
use crate::failure::{Exit, Failure, Result};
use crate::keyed::Keyed;
use crate::keys;
use crate::settings::Settings;

/// Makes a token that may do everything, and prints it.
pub(super) async fn run(settings: &Settings, language: Language) -> Result<()> {
    let (server, directory) = super::reach(settings).await?;
    let minted = async {
        server.ready().await?;
        let path = keys::path(settings);
        let keys = keys::read(&path)?
            .ok_or_else(|| Failure::new(Exit::Settings, Keyed::new("serve.keys-missing").with("path", path)))?;
        let database = server.open(settings, &keys.keyring).await?;
        let data_directory = settings.data_directory.clone();
        let control = Control::new(Setup { database, keys: keys.keyring, data_directory, wake_url: None });
        Ok::<_, Failure>(control.another_admin_token().await?)
    }
    .await;
    server.stop().await;
    drop(directory);
    let minted = minted?;
    print(&[
        text(language, "serve.admin-token", [("token", minted.secret.as_str())]),
        format!("  export BACKOUT_TOKEN={}", minted.secret),
    ]);
    Ok(())
}
