//! API tokens.

use axum::Extension;
use axum::extract::State;
use control::{Caller, Control};
use domain::ids::TokenId;
use domain::view::{MintedToken, NewToken, Page, TokenView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::envelope::{Answer, Answered, FailureBody, Nothing, Success};
use crate::extract::{Json, PageQuery, Path, Query};
use crate::routes::{App, V1};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_token, list_tokens)).routes(routes!(revoke_token))
}

/// Make a token. Its secret is in this answer and nowhere else, also not in one that is repeated for the same
/// Idempotency-Key.
#[utoipa::path(post, path = "/tokens", tag = "tokens", responses(
    (status = 201, description = "The token with its secret", body = Success<MintedToken>),
    (status = 409, description = "`already-exists`", body = FailureBody),
))]
async fn create_token(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<NewToken>,
) -> Answered {
    let minted = control.create_token(&caller, new).await?;
    Ok(Answer::created(format!("{V1}/tokens/{}", minted.token.id), minted).carrying_a_secret())
}

/// List the tokens that are not revoked, oldest first.
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(PageQuery), responses(
    (status = 200, description = "A page of them", body = Success<Page<TokenView>>),
))]
async fn list_tokens(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Query(page): Query<PageQuery>,
) -> Answered {
    Ok(Answer::ok(control.list_tokens(&caller, page.into()).await?))
}

/// Revoke a token at once.
#[utoipa::path(delete, path = "/tokens/{token}", tag = "tokens", responses(
    (status = 200, description = "It is revoked", body = Success<Nothing>),
))]
async fn revoke_token(
    State(control): State<Control>,
    Extension(caller): Extension<Caller>,
    Path(token): Path<TokenId>,
) -> Answered {
    control.revoke_token(&caller, token).await?;
    Ok(Answer::ok(Nothing))
}
