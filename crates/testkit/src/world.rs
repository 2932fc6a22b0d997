//! A whole environment for the example application: databases, cache, container engine and images.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{Docker, MariaDb, Mongo, Redis, ReservedPort, static_binary};

/// The versions of the example application that have an image.
pub const VERSIONS: [&str; 3] = ["v0.8.0", "v0.8.1", "v0.8.2"];
/// The image of the maintenance page.
pub const MAINTENANCE_IMAGE: &str = "backout-maintenance:1";

/// Everything that one environment of `cms-backend` runs on, private to this process.
#[derive(Debug)]
pub struct World {
    /// The application's relational store.
    pub mariadb: MariaDb,
    /// The application's document store.
    pub mongo: Mongo,
    /// The application's cache.
    pub redis: Redis,
    /// The engine that runs its container.
    pub docker: Docker,
    port: ReservedPort,
    database: String,
    content: String,
    cache: String,
}

impl World {
    /// Starts the servers and builds the images.
    pub async fn start() -> Result<Self> {
        let (mariadb, mongo, redis, docker) = (MariaDb::start()?, Mongo::start()?, Redis::start()?, Docker::start()?);
        let database = mariadb.create_database("cms")?;
        let cache = redis.fresh_database_url()?;
        let world = Self {
            mariadb,
            mongo,
            redis,
            docker,
            port: ReservedPort::new()?,
            database,
            content: crate::unique_name("cms_content"),
            cache,
        };
        world.build_images().await?;
        Ok(world)
    }

    async fn build_images(&self) -> Result<()> {
        let program = static_binary("cms-backend")?;
        for version in VERSIONS {
            let env = [("CMS_VERSION", version)];
            let tag = format!("cms-backend:{version}");
            self.docker.import_image(&tag, &[(&program, "/cms-backend")], &env, &["/cms-backend"]).await?;
        }
        let page = static_binary("maintenance-page")?;
        let files = [(page.as_path(), "/maintenance-page")];
        self.docker.import_image(MAINTENANCE_IMAGE, &files, &[], &["/maintenance-page"]).await?;
        Ok(())
    }

    /// The settings of the environment, as `POST …/environments` takes them.
    pub fn environment(&self) -> Value {
        self.environment_through(&self.docker.host(), &self.mariadb.url(&self.database), self.mongo.url())
    }

    /// The same, with Backout reaching the servers by other addresses, e.g. through a fault proxy. The
    /// application itself keeps the real ones.
    pub fn environment_through(&self, docker: &str, mariadb: &str, mongodb: &str) -> Value {
        let real = self.mariadb.url(&self.database).replacen("mariadb://", "mysql://", 1);
        json!({
            "hosts": [{ "name": "local", "docker": docker }],
            "services": [{
                "name": "web",
                "hosts": ["local"],
                "container": "cms-backend",
                "port": self.port.number(),
                "network": "host",
                "env": {
                    "DATABASE_URL": { "secret": real },
                    "MONGODB_URL": { "secret": self.mongo.url() },
                    "MONGODB_DATABASE": { "plain": self.content },
                    "REDIS_URL": { "secret": self.cache },
                },
                "health": { "path": "/health", "deadline_seconds": 30 },
            }],
            "data_stores": [
                { "name": "main", "engine": "mariadb", "url": mariadb, "database": self.database },
                { "name": "content", "engine": "mongodb", "url": mongodb, "database": self.content },
                { "name": "cache", "engine": "redis", "url": self.cache, "flush": ["cms:*"] },
            ],
            "probes": [
                { "name": "health", "service": "web", "path": "/health", "status_below": 300, "version_pointer": "/data/version" },
                { "name": "login", "service": "web", "method": "POST", "path": "/api/v1/auth/login" },
                { "name": "users", "service": "web", "path": "/api/v1/users" },
                { "name": "articles", "service": "web", "path": "/api/v1/articles" },
            ],
            "protection": { "typed_confirmation": true },
            "maintenance": { "image": MAINTENANCE_IMAGE },
        })
    }

    /// Name of the application's MariaDB database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Name of the application's MongoDB database.
    pub fn content(&self) -> &str {
        &self.content
    }

    /// Where the application answers.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.port.address())
    }

    /// Asks the application; status and JSON body.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let client = reqwest::Client::builder().timeout(std::time::Duration::from_secs(5)).build()?;
        let mut request = client.request(method.parse()?, self.url(path)).header("accept", "application/json");
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }
}
