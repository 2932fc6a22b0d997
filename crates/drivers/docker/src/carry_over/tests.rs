//! The replacement as a function of JSON; the real engine has its say in the crate's other tests.

use serde_json::{Value, json};

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn old_image() -> Value {
    json!({
        "Env": ["PATH=/bin", "MODE=old", "LEVEL=info"],
        "Labels": { "release": "v0.8.2", "vendor": "cms" },
        "ExposedPorts": { "80/tcp": {}, "9090/tcp": {} },
        "Volumes": { "/data": {} },
        "User": "1000", "WorkingDir": "/old", "StopSignal": "SIGINT", "Shell": ["/bin/old"],
        "Healthcheck": { "Test": ["CMD", "/old", "check"], "Interval": 5 },
        "Entrypoint": ["/old"], "Cmd": ["serve"],
    })
}

fn new_image() -> Value {
    json!({ "Env": ["PATH=/usr/bin", "MODE=new"] })
}

/// A container with nothing of its own, as the engine reports it.
fn inherited() -> Value {
    let mut config = old_image();
    config["Hostname"] = json!(ID[..12]);
    config["Domainname"] = json!("");
    config["Image"] = json!("cms:v0.8.2");
    json!({
        "Id": ID,
        "Config": config,
        "HostConfig": { "NetworkMode": "default", "Binds": null, "PortBindings": {}, "FutureField": { "a": [1] } },
        "Mounts": [],
        "NetworkSettings": { "Ports": {}, "Networks": { "bridge": {
            "IPAMConfig": null, "Links": null, "Aliases": null, "NetworkID": "n", "EndpointID": "e",
            "Gateway": "172.17.0.1", "IPAddress": "172.17.0.2", "IPPrefixLen": 16, "MacAddress": "02:42:ac:11:00:02",
        }}},
    })
}

fn to_new() -> Overrides {
    Overrides { image: "sha256:new".to_owned(), ..Overrides::default() }
}

fn carry(inspect: &Value, overrides: &Overrides) -> CarriedOver {
    replacement(inspect, &old_image(), &new_image(), overrides).unwrap()
}

#[test]
fn nothing_of_the_old_image_is_pinned_onto_the_new_one() {
    let carried = carry(&inherited(), &to_new());
    assert_eq!(
        carried.body,
        json!({
            "Image": "sha256:new", "Env": [], "Labels": {}, "ExposedPorts": {}, "Volumes": {}, "Domainname": "",
            "HostConfig": {
                "NetworkMode": "default", "Binds": null, "PortBindings": {}, "FutureField": { "a": [1] },
            },
        })
    );
    assert!(carried.further_networks.is_empty());
    assert!(carried.not_carried.is_empty());
}

#[test]
fn what_the_container_set_itself_is_kept() {
    let mut inspect = inherited();
    inspect["Config"]["Env"] = json!(["MODE=mine", "EXTRA=1", "LEVEL", "PATH=/bin"]);
    inspect["Config"]["Labels"] = json!({ "release": "v0.8.2", "vendor": "me", "team": "a" });
    inspect["Config"]["User"] = json!("0");
    inspect["Config"]["WorkingDir"] = json!("/mine");
    inspect["Config"]["StopSignal"] = json!("SIGTERM");
    inspect["Config"]["Hostname"] = json!("cms");
    inspect["Config"]["StopTimeout"] = json!(7);
    inspect["Config"]["Healthcheck"] = json!({ "Test": ["CMD", "/old", "check"], "Interval": 9, "Retries": 2 });
    inspect["Config"]["FutureField"] = json!(true);
    inspect["Config"]["ExposedPorts"]["81/tcp"] = json!({});
    inspect["Config"]["Volumes"]["/mine"] = json!({});

    let body = carry(&inspect, &to_new()).body;

    assert_eq!(body["Env"], json!(["MODE=mine", "EXTRA=1", "LEVEL"]));
    assert_eq!(body["Labels"], json!({ "vendor": "me", "team": "a" }));
    assert_eq!(body["User"], "0");
    assert_eq!(body["WorkingDir"], "/mine");
    assert_eq!(body["StopSignal"], "SIGTERM");
    assert_eq!(body["Hostname"], "cms");
    assert_eq!(body["StopTimeout"], 7);
    assert_eq!(body["Healthcheck"], json!({ "Interval": 9, "Retries": 2 }));
    assert_eq!(body["FutureField"], true);
    assert_eq!(body["ExposedPorts"], json!({ "81/tcp": {} }));
    assert_eq!(body["Volumes"], json!({ "/mine": {} }));
}

#[test]
fn a_published_port_stays_exposed_and_a_port_chosen_by_the_engine_is_named() {
    let mut inspect = inherited();
    inspect["HostConfig"]["PortBindings"] =
        json!({ "80/tcp": [{ "HostIp": "", "HostPort": "8080" }], "9090/tcp": [{ "HostIp": "", "HostPort": "" }] });
    inspect["NetworkSettings"]["Ports"] =
        json!({ "80/tcp": [{ "HostPort": "8080" }], "9090/tcp": [{ "HostPort": "49153" }], "1/udp": null });

    let carried = carry(&inspect, &to_new());
    assert_eq!(carried.body["ExposedPorts"], json!({ "80/tcp": {}, "9090/tcp": {} }));
    assert_eq!(carried.not_carried.len(), 1);
    let lost = carried.not_carried[0].to_string();
    assert!(lost.contains("9090/tcp") && lost.contains("49153"), "{lost}");

    let mut overrides = to_new();
    overrides.host_config.insert("PortBindings".to_owned(), json!({ "80/tcp": [{ "HostPort": "8081" }] }));
    let carried = carry(&inspect, &overrides);
    assert_eq!(carried.body["HostConfig"]["PortBindings"]["80/tcp"][0]["HostPort"], "8081");
    assert!(carried.not_carried.is_empty());
}

#[test]
fn environment_overrides_win_over_container_and_image() {
    let mut inspect = inherited();
    inspect["Config"]["Env"] = json!(["PATH=/bin", "A=1", "B=2", "AB=3"]);
    let mut overrides = to_new();
    for (name, change) in [
        ("A", EnvChange::Set("x=y".to_owned())),
        ("B", EnvChange::Unset),
        ("MODE", EnvChange::Unset),
        ("NEW", EnvChange::Set(String::new())),
    ] {
        overrides.env.insert(name.to_owned(), change);
    }
    // The bare name keeps the new image's variable out.
    assert_eq!(carry(&inspect, &overrides).body["Env"], json!(["AB=3", "A=x=y", "MODE", "NEW="]));

    overrides.env.insert("A=B".to_owned(), EnvChange::Unset);
    assert!(replacement(&inspect, &old_image(), &new_image(), &overrides).is_err());
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let mut overrides = to_new();
    overrides.env.insert("KEY".to_owned(), EnvChange::Set("hidden-word".to_owned()));
    let carried = carry(&inherited(), &overrides);
    assert!(!format!("{overrides:?} {carried:?}").contains("hidden-word"));
    assert_eq!(carried.body["Env"], json!(["KEY=hidden-word"]));
}

#[test]
fn command_labels_and_health_check_can_be_replaced() {
    let overrides = Overrides {
        cmd: Some(vec!["migrate".to_owned()]),
        entrypoint: Some(vec!["/tool".to_owned()]),
        healthcheck: Some(json!({ "Test": ["NONE"] })),
        labels: [("job".to_owned(), "7".to_owned())].into(),
        ..to_new()
    };
    let mut inspect = inherited();
    inspect["Config"]["Labels"] = Value::Null;
    let body = carry(&inspect, &overrides).body;
    assert_eq!(body["Cmd"], json!(["migrate"]));
    assert_eq!(body["Entrypoint"], json!(["/tool"]));
    assert_eq!(body["Healthcheck"], json!({ "Test": ["NONE"] }));
    assert_eq!(body["Labels"], json!({ "job": "7" }));
}

#[test]
fn anonymous_volumes_are_bound_by_name() {
    let volume = |name: &str, destination: &str, writable: bool| json!({ "Type": "volume", "Name": name, "Destination": destination, "RW": writable });
    let mut inspect = inherited();
    inspect["HostConfig"]["Binds"] = json!(["named:/named", "/etc:/host/:ro"]);
    inspect["HostConfig"]["Mounts"] =
        json!([{ "Type": "volume", "Target": "/mount" }, { "Type": "volume", "Source": "given", "Target": "/given" }]);
    inspect["HostConfig"]["Tmpfs"] = json!({ "/run": "" });
    inspect["Mounts"] = json!([
        volume("named", "/named", true),
        volume("m", "/mount", true),
        volume("given", "/given", true),
        volume("d", "/data", true),
        volume("r", "/ro", false),
        { "Type": "bind", "Source": "/etc", "Destination": "/host" },
    ]);

    let carried = carry(&inspect, &to_new());
    let host_config = &carried.body["HostConfig"];
    assert_eq!(host_config["Binds"], json!(["named:/named", "/etc:/host/:ro", "d:/data", "r:/ro:ro"]));
    assert_eq!(host_config["Mounts"][0], json!({ "Type": "volume", "Target": "/mount", "Source": "m" }));
    assert_eq!(host_config["Mounts"][1]["Source"], "given");

    let mut reordered = inspect.clone();
    reordered["Mounts"].as_array_mut().unwrap().reverse();
    assert_eq!(carry(&reordered, &to_new()).body["HostConfig"], *host_config);

    let mut overrides = to_new();
    for destination in ["/host", "/mount", "/run", "/data"] {
        overrides.binds.insert(destination.to_owned(), format!("/new:{destination}"));
    }
    let carried = carry(&inspect, &overrides);
    let host_config = &carried.body["HostConfig"];
    assert_eq!(
        host_config["Binds"],
        json!(["named:/named", "r:/ro:ro", "/new:/data", "/new:/host", "/new:/mount", "/new:/run"])
    );
    assert_eq!(host_config["Mounts"].as_array().map(Vec::len), Some(1));
    assert_eq!(host_config["Tmpfs"], json!({}));
}

#[test]
fn a_hostname_is_kept_only_if_somebody_chose_it() {
    let hostname = |mode: &str, uts: &str, hostname: &str, host: Option<&str>| {
        let mut inspect = inherited();
        inspect["HostConfig"]["NetworkMode"] = json!(mode);
        inspect["HostConfig"]["UTSMode"] = json!(uts);
        inspect["Config"]["Hostname"] = json!(hostname);
        let overrides = Overrides { engine_host_name: host.map(str::to_owned), ..to_new() };
        carry(&inspect, &overrides).body.get("Hostname").cloned()
    };
    assert_eq!(hostname("default", "", "cms", None), Some(json!("cms")));
    assert_eq!(hostname("default", "", "docker-1", Some("docker-1")), Some(json!("docker-1")));
    assert_eq!(hostname("host", "", "cms", Some("docker-1")), Some(json!("cms")));
    assert_eq!(hostname("host", "", "docker-1", Some("docker-1")), None);
    assert_eq!(hostname("default", "host", "docker-1", None), None);
    assert_eq!(hostname("container:other", "", "other", None), None);
}

#[test]
fn endpoints_keep_what_was_configured_and_lose_what_was_assigned() {
    let mut inspect = inherited();
    inspect["HostConfig"]["NetworkMode"] = json!("front");
    inspect["Config"]["MacAddress"] = json!("02:42:00:00:00:99");
    let assigned = |mac: &str| {
        json!({
            "IPAMConfig": null, "Links": null, "Aliases": null, "DriverOpts": null, "NetworkID": "n", "EndpointID": "e",
            "Gateway": "10.0.0.1", "IPAddress": "10.0.0.9", "IPPrefixLen": 24, "IPv6Gateway": "",
            "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "MacAddress": mac, "DNSNames": ["cms"],
        })
    };
    let mut front = assigned("02:42:00:00:00:99");
    front["IPAMConfig"] = json!({ "IPv4Address": "10.0.0.9" });
    front["Aliases"] = json!(["web", &ID[..12]]);
    front["Links"] = json!(["db:mariadb"]);
    front["FutureField"] = json!(3);
    let mut back = assigned("02:42:00:00:00:01");
    back["Aliases"] = json!([&ID[..12]]);
    back["IPAMConfig"] = json!({});
    inspect["NetworkSettings"]["Networks"] = json!({ "back": back, "front": front });

    let carried = carry(&inspect, &to_new());
    assert_eq!(
        carried.body["NetworkingConfig"],
        json!({ "EndpointsConfig": { "front": {
            "IPAMConfig": { "IPv4Address": "10.0.0.9" }, "Links": ["db:mariadb"], "Aliases": ["web"],
            "MacAddress": "02:42:00:00:00:99", "FutureField": 3,
        }}})
    );
    assert_eq!(carried.further_networks, [("back".to_owned(), json!({}))].into());
    assert!(carried.not_carried.is_empty());
}

#[test]
fn a_network_named_by_its_id_is_the_first_one() {
    let mut inspect = inherited();
    inspect["HostConfig"]["NetworkMode"] = json!("abc");
    inspect["NetworkSettings"]["Networks"] = json!({ "front": { "NetworkID": "abc", "Aliases": ["web"] } });
    let carried = carry(&inspect, &to_new());
    assert_eq!(carried.body["NetworkingConfig"]["EndpointsConfig"]["front"]["Aliases"], json!(["web"]));
}

#[test]
fn a_first_network_that_was_taken_away_is_named() {
    let mut inspect = inherited();
    inspect["HostConfig"]["NetworkMode"] = json!("front");
    inspect["NetworkSettings"]["Networks"] = json!({ "back": {} });
    let carried = carry(&inspect, &to_new());
    assert_eq!(carried.not_carried.len(), 1);
    assert!(carried.not_carried[0].to_string().contains("front"));
}

/// On `front` by choice and on `back` besides, with a port published.
fn published_on_front() -> Value {
    let mut inspect = inherited();
    inspect["HostConfig"]["NetworkMode"] = json!("front");
    inspect["HostConfig"]["PortBindings"] = json!({ "8080/tcp": [{ "HostIp": "", "HostPort": "8080" }] });
    inspect["Config"]["ExposedPorts"] = json!({ "80/tcp": {}, "8080/tcp": {}, "81/tcp": {} });
    inspect["NetworkSettings"]["Networks"] =
        json!({ "front": { "Aliases": ["web"], "NetworkID": "f" }, "back": { "Aliases": ["inner"] } });
    inspect
}

fn with_host_config(fields: &[(&str, Value)]) -> Overrides {
    let mut overrides = to_new();
    overrides.host_config.extend(fields.iter().map(|(field, value)| ((*field).to_owned(), value.clone())));
    overrides
}

#[test]
fn exposed_ports_follow_the_bindings_that_replace_others() {
    let bindings = json!({ "9000/tcp": [{ "HostPort": "9000" }] });
    let body = carry(&published_on_front(), &with_host_config(&[("PortBindings", bindings.clone())])).body;
    assert_eq!(body["HostConfig"]["PortBindings"], bindings);
    // 80 came from the old image, 8080 was exposed to be published; 81 is somebody's own.
    assert_eq!(body["ExposedPorts"], json!({ "81/tcp": {}, "9000/tcp": {} }));
    assert_eq!(carry(&published_on_front(), &to_new()).body["ExposedPorts"], json!({ "8080/tcp": {}, "81/tcp": {} }));
}

#[test]
fn endpoints_follow_the_network_that_replaces_another() {
    let moved = |mode: &str| carry(&published_on_front(), &with_host_config(&[("NetworkMode", json!(mode))]));
    let to_back = moved("back");
    assert_eq!(
        to_back.body["NetworkingConfig"],
        json!({ "EndpointsConfig": { "back": { "Aliases": ["inner"] } } }),
        "it was connected by somebody, with settings"
    );
    assert!(to_back.further_networks.is_empty());
    assert_eq!(to_back.not_carried.len(), 1);
    let lost = to_back.not_carried[0].to_string();
    assert!(lost.contains("front") && lost.contains("Aliases"), "{lost}");

    let to_other = moved("other");
    assert_eq!(to_other.body.get("NetworkingConfig"), None);
    assert_eq!(to_other.further_networks, [("back".to_owned(), json!({ "Aliases": ["inner"] }))].into());

    let to_host = moved("host");
    assert_eq!(to_host.body["HostConfig"]["NetworkMode"], "host");
    assert!(to_host.body.get("NetworkingConfig").is_none() && to_host.further_networks.is_empty());
    assert_eq!(to_host.not_carried.len(), 2);

    let mut on_host = published_on_front();
    on_host["HostConfig"]["NetworkMode"] = json!("host");
    on_host["NetworkSettings"]["Networks"] = json!({ "host": { "NetworkID": "h", "Aliases": null } });
    let to_front = carry(&on_host, &with_host_config(&[("NetworkMode", json!("front"))]));
    assert!(to_front.body.get("NetworkingConfig").is_none() && to_front.further_networks.is_empty());
    assert!(to_front.not_carried.is_empty(), "{:?}", to_front.not_carried);
}

#[test]
fn what_is_unset_goes_and_the_images_default_comes_through() {
    let mut inspect = inherited();
    inspect["Config"]["Cmd"] = json!(["mine"]);
    inspect["HostConfig"]["Binds"] = json!(["named:/named", "kept:/kept/"]);
    inspect["Mounts"] = json!([
        { "Type": "volume", "Name": "named", "Destination": "/named", "RW": true },
        { "Type": "volume", "Name": "kept", "Destination": "/kept", "RW": true },
    ]);
    let overrides = Overrides { unset_cmd: true, unset_binds: ["/named".to_owned()].into(), ..to_new() };
    let body = carry(&inspect, &overrides).body;
    assert!(body.get("Cmd").is_none() && body.get("Entrypoint").is_none());
    assert_eq!(body["HostConfig"]["Binds"], json!(["kept:/kept/"]));

    inspect["Config"]["Entrypoint"] = json!(["/own"]);
    let body = carry(&inspect, &overrides).body;
    assert_eq!((&body["Entrypoint"], body.get("Cmd")), (&json!(["/own"]), None));
}

#[test]
fn an_inspect_without_its_parts_is_an_error() {
    for part in ["Id", "Config", "HostConfig"] {
        let mut inspect = inherited();
        inspect[part] = Value::Null;
        let error = replacement(&inspect, &old_image(), &new_image(), &to_new()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}
