//! Connecting a container to networks beyond its first.

use sentence::sentence;
use serde_json::{Value, json};

use crate::carry_over::CarriedOver;
use crate::engine::{Engine, checked};
use crate::error::{Error, Result};

impl Engine {
    /// Connects a container to a network; one that is connected already is fine.
    pub async fn connect_network(&self, network: &str, container: &str, endpoint: &Value) -> Result<()> {
        let network_name = checked(sentence!("network name"), network, "")?;
        let outcome = self
            .post(&format!("/networks/{network_name}/connect"))
            .json(&json!({ "Container": container, "EndpointConfig": endpoint }))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(()),
            // The engine words a second connection in many ways; its own record is the one answer.
            Err(error @ (Error::Rejected { .. } | Error::EngineFailed { .. })) => {
                let inspect = self.inspect(container).await?.unwrap_or_default();
                let networks = &inspect["NetworkSettings"]["Networks"];
                if networks.get(network).is_some_and(Value::is_object) { Ok(()) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// Creates the container of a replacement, connected to all its networks, not started. When
    /// connecting fails, the created container remains and is found by its name; then
    /// [`Engine::connect_networks`] completes it.
    pub async fn create_carried_over(&self, name: &str, carried: &CarriedOver) -> Result<String> {
        let id = self.create(name, &carried.body).await?;
        self.connect_networks(&id, carried).await?;
        Ok(id)
    }

    /// Connects a replacement to those of its further networks that it is not connected to yet.
    pub async fn connect_networks(&self, container: &str, carried: &CarriedOver) -> Result<()> {
        for (network, endpoint) in &carried.further_networks {
            self.connect_network(network, container, endpoint).await?;
        }
        Ok(())
    }
}
