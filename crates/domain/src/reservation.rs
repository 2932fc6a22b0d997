//! Places on a host where services listen: each belongs to one colour of one service.

use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::environment::Service;

/// One of the two containers of a service that stand side by side while its traffic moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// The one.
    Blue,
    /// The other.
    Green,
}

impl Colour {
    /// The word in store and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

/// Where a container listens on its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A TCP port.
    Port(u16),
    /// The absolute path of a unix socket.
    Socket(String),
}

/// Length of `sun_path` in `unix(7)` without its end, bytes.
const MAX_SOCKET: usize = 107;

impl Place {
    /// What is wrong with it.
    pub(crate) fn mistake(&self) -> Option<Sentence> {
        match self {
            Self::Port(0) => Some(sentence!("must be between 1 and 65535")),
            Self::Port(_) => None,
            Self::Socket(path) => {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
                let is_direct =
                    path.starts_with('/') && path[1..].split('/').all(|part| !matches!(part, "" | "." | ".."));
                // Two spellings of one path would be two reservations.
                (!is_direct || !path.chars().all(is_plain) || path.len() > MAX_SOCKET).then(|| {
                    sentence!(
                        "must be an absolute path of at most 107 letters, digits, '.', '_', '-' and '/', without '.', '..' or '//'"
                    )
                })
            }
        }
    }
}

/// As the store keeps it and people read it: `port 8080`, `socket /run/shop.sock`.
impl std::fmt::Display for Place {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Port(port) => write!(to, "port {port}"),
            Self::Socket(path) => write!(to, "socket {path}"),
        }
    }
}

impl Service {
    /// Every place on its hosts that is its own, with the colour of the container that listens there; none is the
    /// container that runs alone.
    pub fn places(&self) -> impl Iterator<Item = (Option<Colour>, Place)> {
        let colours = self.colours.iter().map(|(colour, place)| (Some(*colour), place.clone()));
        std::iter::once((None, Place::Port(self.port))).chain(colours)
    }
}

/// Where the place of that colour stands in a service's settings.
pub(crate) fn field(colour: Option<Colour>) -> String {
    colour.map_or_else(|| "port".to_owned(), |colour| format!("colours.{}", colour.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::environment::EnvironmentSpec;

    #[test]
    fn no_two_services_of_a_host_and_no_two_colours_share_a_place() {
        let mistakes = |web: serde_json::Value, api: serde_json::Value| {
            let service = |name: &str, port: u16, colours: serde_json::Value| json!({ "name": name, "hosts": ["local"], "container": name, "port": port, "colours": colours });
            let spec: EnvironmentSpec = serde_json::from_value(json!({
                "hosts": [{ "name": "local", "docker": "unix:///a" }],
                "services": [service("web", 80, web), service("api", 81, api)],
            }))
            .unwrap();
            spec.validate().into_iter().map(|error| format!("{} {}", error.field, error.message)).collect::<Vec<_>>()
        };
        let (port, socket) = (|port: u16| json!({ "port": port }), |path: &str| json!({ "socket": path }));
        let none = json!({});
        assert!(
            mistakes(json!({ "blue": port(82), "green": socket("/run/a") }), json!({ "blue": port(83) })).is_empty()
        );
        assert_eq!(
            mistakes(none.clone(), json!({ "green": port(80) })),
            ["services[1].colours.green is used by another service on the same host"]
        );
        assert_eq!(
            mistakes(json!({ "blue": socket("/run/a") }), json!({ "blue": socket("/run/a") })),
            ["services[1].colours.blue is used by another service on the same host"]
        );
        for twice in [json!({ "green": port(80) }), json!({ "blue": port(82), "green": port(82) })] {
            assert_eq!(
                mistakes(twice, none.clone()),
                ["services[0].colours.green is used by another colour of the service"]
            );
        }
        let told = mistakes(json!({ "blue": socket("run/a") }), none);
        assert!(told[0].starts_with("services[0].colours.blue must be an absolute path"), "{told:?}");
    }

    #[test]
    fn a_place_has_one_spelling() {
        let socket = |path: &str| Place::Socket(path.to_owned());
        let longest = format!("/{}", "a".repeat(106));
        for right in [Place::Port(1), socket("/run/shop/web-blue.sock"), socket(&longest)] {
            assert_eq!(right.mistake(), None, "{right}");
        }
        let wrong = ["", "/", "run/a.sock", "/run//a", "/run/./a", "/run/../a", "/run/a/", "/run/a b", "/名"];
        let wrong = wrong.into_iter().map(socket).chain([Place::Port(0), socket(&format!("{longest}a"))]);
        for wrong in wrong {
            assert!(wrong.mistake().is_some(), "{wrong}");
        }
    }

    #[test]
    fn places_are_written_as_people_write_them() {
        let places: Vec<Place> = serde_json::from_str(r#"[{"port":8082},{"socket":"/run/a.sock"}]"#).unwrap();
        assert_eq!(places, [Place::Port(8082), Place::Socket("/run/a.sock".into())]);
    }
}
