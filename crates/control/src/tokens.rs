//! API tokens.

use domain::ids::TokenId;
use domain::view::{MintedToken, NewToken, TokenView};

use crate::{Caller, Control, Result};

impl Control {
    /// The caller behind a bearer token (`bko_…`).
    pub async fn authenticate(&self, _bearer: &str) -> Result<Caller> {
        todo!()
    }

    /// Makes a token. Its secret is in this answer and nowhere else.
    pub async fn create_token(&self, _caller: &Caller, _new: NewToken) -> Result<MintedToken> {
        todo!()
    }

    /// Tokens that are not revoked.
    pub async fn list_tokens(&self, _caller: &Caller) -> Result<Vec<TokenView>> {
        todo!()
    }

    /// Revokes a token at once.
    pub async fn revoke_token(&self, _caller: &Caller, _id: TokenId) -> Result<()> {
        todo!()
    }
}
