//! A scene whose servers Backout reaches through fault proxies; the application itself does not.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde_json::Value;
use testkit::{Backout, ChaosProxy, World};

use super::Scene;

pub(crate) struct Proxied {
    pub(crate) scene: Scene,
    pub(crate) docker: ChaosProxy,
    pub(crate) mariadb: ChaosProxy,
    pub(crate) mongodb: ChaosProxy,
    pub(crate) redis: ChaosProxy,
}

impl Proxied {
    /// With v0.8.2 running, as [`Scene::on_v082`].
    pub(crate) async fn on_v082(backout: &Backout) -> Result<Self> {
        let world = World::shared().await;
        let docker = ChaosProxy::start(world.docker.socket()).await?;
        let mariadb = ChaosProxy::start(world.mariadb.address()).await?;
        let mongodb = ChaosProxy::start(address(world.mongo.url())?).await?;
        let redis = ChaosProxy::start(world.redis.address()).await?;
        let docker_url = format!("unix://{}", docker.socket()?.display());
        let addresses = (mariadb.address()?, mongodb.address()?, redis.address()?);
        let scene = Scene::with_settings(backout, |site| {
            let (by_mariadb, by_mongodb, by_redis) = addresses;
            let through =
                |url: &str, real: SocketAddr, proxy: SocketAddr| url.replacen(&real.to_string(), &proxy.to_string(), 1);
            let mariadb = through(&world.mariadb.url(site.database()), world.mariadb.address(), by_mariadb);
            // Else the driver would find the real address in the server's own answer, where that is a replica set.
            let mongodb = format!("mongodb://{by_mongodb}/?directConnection=true");
            let mut settings = site.environment_through(&docker_url, &mariadb, &mongodb);
            let cache = &mut settings["data_stores"][2]["url"];
            *cache = Value::from(through(cache.as_str().unwrap_or_default(), world.redis.address(), by_redis));
            settings
        })
        .await?;
        let proxied = Self { scene, docker, mariadb, mongodb, redis };
        proxied.scene.settle_on_v082().await?;
        Ok(proxied)
    }

    /// Lets everything through again.
    pub(crate) fn pass(&self) {
        for proxy in [&self.docker, &self.mariadb, &self.mongodb, &self.redis] {
            proxy.pass();
        }
    }
}

fn address(url: &str) -> Result<SocketAddr> {
    let rest = url.strip_prefix("mongodb://").context("a MongoDB URL")?;
    let address = rest.split(['/', '?']).next().context("an address")?;
    address.parse().with_context(|| format!("{url} names no plain address"))
}
