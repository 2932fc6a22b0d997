//! Whole environments for the example application: databases, cache, container engine and images.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{Docker, MariaDb, Mongo, Redis, ReservedPort, static_binary};

/// The versions of the example application that have an image.
pub const VERSIONS: [&str; 3] = ["v0.8.0", "v0.8.1", "v0.8.2"];
/// The image of the maintenance page.
pub const MAINTENANCE_IMAGE: &str = "backout-maintenance:1";

/// The servers that environments of `cms-backend` run on, private to this process.
#[derive(Debug)]
pub struct World {
    /// Relational stores.
    pub mariadb: MariaDb,
    /// Document stores.
    pub mongo: Mongo,
    /// Caches.
    pub redis: Redis,
    /// The engine that runs containers.
    pub docker: Docker,
}

impl World {
    /// Starts the servers and builds the images.
    pub async fn start() -> Result<Self> {
        let world = Self {
            mariadb: MariaDb::start()?,
            mongo: Mongo::start()?,
            redis: Redis::start()?,
            docker: Docker::start()?,
        };
        world.build_images().await?;
        Ok(world)
    }

    /// The one world of this test process, started at the first call.
    ///
    /// # Panics
    /// If it cannot be started.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<World> = OnceCell::const_new();
        SHARED.get_or_init(|| async { Self::start().await.unwrap_or_else(|error| panic!("{error:#}")) }).await
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

    /// A place for one environment: databases, a cache, a port and a container name of its own.
    pub fn site(&self, container: &str) -> Result<Site<'_>> {
        Ok(Site {
            world: self,
            port: ReservedPort::new()?,
            container: container.to_owned(),
            database: self.mariadb.create_database("cms")?,
            content: crate::unique_name("cms_content"),
            cache: self.redis.fresh_database_url()?,
        })
    }
}

/// What one environment of `cms-backend` uses of a [`World`].
#[derive(Debug)]
pub struct Site<'a> {
    world: &'a World,
    port: ReservedPort,
    container: String,
    database: String,
    content: String,
    cache: String,
}

impl Site<'_> {
    /// The settings of the environment, as `POST …/environments` takes them.
    pub fn environment(&self) -> Value {
        let world = self.world;
        self.environment_through(&world.docker.host(), &world.mariadb.url(&self.database), world.mongo.url())
    }

    /// The same, with Backout reaching the servers by other addresses, e.g. through a fault proxy. The
    /// application itself keeps the real ones.
    pub fn environment_through(&self, docker: &str, mariadb: &str, mongodb: &str) -> Value {
        let real = self.world.mariadb.url(&self.database).replacen("mariadb://", "mysql://", 1);
        json!({
            "hosts": [{ "name": "local", "docker": docker }],
            "services": [{
                "name": "web",
                "hosts": ["local"],
                "container": self.container,
                "port": self.port.number(),
                "network": "host",
                "env": {
                    "DATABASE_URL": { "secret": real },
                    "MONGODB_URL": { "secret": self.world.mongo.url() },
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

    /// Port of the service.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Name of the container.
    pub fn container(&self) -> &str {
        &self.container
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
