//! API tokens.

use domain::environment::FieldError;
use domain::ids::TokenId;
use domain::limits::is_storable_time;
use domain::problem::ProblemType;
use domain::view::{MintedToken, NewToken, Page, TokenView};
use sentence::sentence;
use sha2::{Digest, Sha256};

use crate::error::named;
use crate::{Caller, Control, Error, PageRequest, Result, permission};

const PREFIX: &str = "bko_";
const SECRET_BYTES: usize = 32;
/// Of the secret, this much is kept to recognise a token by.
const SHOWN: usize = 12;
const MAX_NAME: usize = 100;

impl Control {
    /// The caller behind a bearer token (`bko_…`).
    pub async fn authenticate(&self, bearer: &str) -> Result<Caller> {
        let unknown = || {
            Error::new(
                ProblemType::Unauthenticated,
                sentence!("the token is not known, or it was revoked or has expired"),
            )
            .with_command("backout token create NAME")
        };
        if !bearer.starts_with(PREFIX) || bearer.len() != PREFIX.len() + 2 * SECRET_BYTES {
            return Err(unknown());
        }
        let token = self.database().token_by_secret(&hash(bearer)).await?.ok_or_else(unknown)?;
        let used_long_ago =
            token.last_used_at.is_none_or(|last| chrono::Utc::now() - last > chrono::Duration::minutes(1));
        if used_long_ago {
            self.database().touch_token(token.id).await?;
        }
        Ok(Caller { token: token.id, actor: token.name, permissions: token.permissions, key: None })
    }

    /// Makes a token. Its secret is in this answer and nowhere else.
    pub async fn create_token(&self, caller: &Caller, new: NewToken) -> Result<MintedToken> {
        caller.require(permission::TOKEN_EDIT)?;
        let mut errors = Vec::new();
        if new.name.trim().is_empty() || new.name.chars().count() > MAX_NAME {
            errors.push(FieldError {
                field: "name".into(),
                message: sentence!("must have 1 to {limit} characters", limit = MAX_NAME),
            });
        }
        if new.permissions.is_empty() {
            errors.push(FieldError { field: "permissions".into(), message: sentence!("needs at least one") });
        }
        if new.expires_at.is_some_and(|at| !is_storable_time(at)) {
            let message = sentence!("must be in the years 1000 to 9999");
            errors.push(FieldError { field: "expires_at".into(), message });
        }
        for (index, wanted) in new.permissions.iter().enumerate() {
            if wanted != permission::ALL && !permission::EACH.contains(&wanted.as_str()) {
                let known = permission::EACH.join(", ");
                errors.push(FieldError {
                    field: format!("permissions[{index}]"),
                    message: sentence!("'{wanted}' is none of: {known}, *", wanted, known),
                });
            } else {
                // Nobody gives what they do not have.
                caller.require(wanted)?;
            }
        }
        if !errors.is_empty() {
            return Err(Error::invalid_fields(errors));
        }
        self.mint(&caller.actor, &new).await
    }

    /// The administrator's token, if no token was ever made.
    pub async fn first_token(&self) -> Result<Option<MintedToken>> {
        if self.database().has_tokens().await? {
            return Ok(None);
        }
        self.mint("first start", &admin()).await.map(Some)
    }

    /// Another administrator's token, for whoever may read the data directory and lost the first one.
    pub async fn another_admin_token(&self) -> Result<MintedToken> {
        self.mint("admin command", &admin()).await
    }

    /// Tokens that are not revoked, oldest first.
    pub async fn list_tokens(&self, caller: &Caller, page: PageRequest) -> Result<Page<TokenView>> {
        caller.require(permission::TOKEN_EDIT)?;
        Ok(self.database().tokens(&page.cursor()?).await?)
    }

    /// Revokes a token at once.
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        caller.require(permission::TOKEN_EDIT)?;
        self.database().revoke_token(&caller.actor, id).await.map_err(named("token", &id.to_string()))
    }

    async fn mint(&self, actor: &str, new: &NewToken) -> Result<MintedToken> {
        let random: [u8; SECRET_BYTES] = rand::random();
        let secret = format!("{PREFIX}{}", hex::encode(random));
        let token =
            self.database().insert_token(actor, TokenId::generate(), new, &secret[..SHOWN], &hash(&secret)).await?;
        Ok(MintedToken { token, secret })
    }
}

fn admin() -> NewToken {
    NewToken { name: "admin".into(), permissions: vec![permission::ALL.into()], expires_at: None }
}

/// A token has 256 random bits, so a plain hash keeps it as well as a slow one would.
fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}
