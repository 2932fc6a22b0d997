//! API tokens.

use domain::ids::TokenId;
use domain::view::{MintedToken, NewToken, Page, TokenView};

use crate::call::Call;
use crate::{Client, PageRequest, Result};

impl Client {
    /// Makes a token. Its secret is in this answer and nowhere else.
    pub async fn create_token(&self, new: &NewToken) -> Result<MintedToken> {
        // The secret is never stored, so the answer that carried it cannot be given again.
        self.fetch(Call::post(self.api(&["tokens"]), new)?.once()).await
    }

    /// Tokens that are not revoked, oldest first.
    pub async fn list_tokens(&self, page: &PageRequest) -> Result<Page<TokenView>> {
        self.fetch_with(self.api(&["tokens"]), page).await
    }

    /// Revokes a token at once.
    pub async fn revoke_token(&self, id: TokenId) -> Result<()> {
        let raw = self.send(&Call::delete(self.api(&["tokens", &id.to_string()])).once()).await?;
        if raw.is_success() { Ok(()) } else { Err(raw.failure()) }
    }
}
