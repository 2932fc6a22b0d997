use std::collections::BTreeMap;

use driver_docker::{EnvChange, Image, Overrides, replacement};
use serde_json::{Value, json};
use testkit::unique_name;

use crate::fixture::{PLAIN, body, create, engine, image, output};

const OLD: &str = r#"FROM scratch
COPY probe /probe
ENV PATH=/bin MODE=old LEVEL=info
LABEL release=v0.8.2 vendor=old
EXPOSE 80/tcp 81/tcp
VOLUME /data
WORKDIR /old
USER 1000
STOPSIGNAL SIGINT
SHELL ["/old-shell"]
HEALTHCHECK --interval=60s CMD ["/probe", "exists", "/old"]
ENTRYPOINT ["/probe"]
CMD ["run", "old"]
"#;

const NEW: &str = r#"FROM scratch
COPY probe /probe
ENV PATH=/usr/bin MODE=new
LABEL release=v0.8.1
EXPOSE 8080/tcp
WORKDIR /new
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s CMD ["/probe", "exists", "/new"]
ENTRYPOINT ["/probe"]
CMD ["run", "new"]
"#;

/// Many settings, none of them from the image.
fn many_settings(image: &Image) -> Value {
    json!({
        "Image": image.id,
        "Hostname": "cms-1", "Domainname": "example.org", "User": "0:0", "WorkingDir": "/own",
        "Env": ["MODE=own", "EXTRA=a=b", "EMPTY="],
        "Labels": { "team": "cms", "vendor": "own" },
        "ExposedPorts": { "8443/tcp": {}, "80/tcp": {} },
        "Volumes": { "/own-volume": {} },
        "Cmd": ["run", "own"],
        "StopSignal": "SIGQUIT", "StopTimeout": 7, "Tty": true, "OpenStdin": true,
        "Healthcheck": { "Test": ["CMD", "/probe", "exists", "/probe"], "Interval": 90_000_000_000_u64,
            "Timeout": 2_000_000_000, "Retries": 4, "StartPeriod": 1_000_000_000 },
        "HostConfig": many_host_settings(),
    })
}

fn many_host_settings() -> Value {
    json!({
        "NetworkMode": "none",
        "Binds": ["/etc/hostname:/mounted/hostname:ro", "named-volume:/named"],
        "Mounts": [
            { "Type": "volume", "Target": "/anonymous-mount" },
            { "Type": "bind", "Source": "/etc/hosts", "Target": "/mounted/hosts", "ReadOnly": true },
            { "Type": "tmpfs", "Target": "/scratch", "TmpfsOptions": { "SizeBytes": 1_048_576 } },
        ],
        "Tmpfs": { "/run": "size=65536k" },
        "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 5 },
        "PortBindings": { "80/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "18080" }] },
        "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m", "max-file": "2" } },
        "Ulimits": [{ "Name": "nofile", "Soft": 1000, "Hard": 2000 }],
        "CapAdd": ["NET_ADMIN"], "CapDrop": ["MKNOD"], "SecurityOpt": ["no-new-privileges"],
        "GroupAdd": ["1234"], "ReadonlyRootfs": true, "Init": true,
        "Dns": ["192.0.2.1"], "DnsOptions": ["ndots:2"], "DnsSearch": ["example.org"],
        "ExtraHosts": ["db:192.0.2.7"],
        "Sysctls": { "kernel.shm_rmid_forced": "1" },
        "ShmSize": 33_554_432, "OomScoreAdj": 100, "IpcMode": "shareable",
        "Memory": 67_108_864, "MemoryReservation": 33_554_432, "PidsLimit": 64,
        "CpuShares": 512, "NanoCpus": 500_000_000, "CpusetCpus": "0",
        "Devices": [{ "PathOnHost": "/dev/null", "PathInContainer": "/dev/nothing", "CgroupPermissions": "r" }],
        "DeviceCgroupRules": ["c 1:3 r"],
    })
}

/// Each scalar by its path. Identities and what follows from them are left out.
fn fields(inspect: &Value) -> BTreeMap<String, String> {
    const ASSIGNED: [&str; 12] = [
        "/Id",
        "/Created",
        "/Name",
        "/State/Pid",
        "/State/StartedAt",
        "/State/Health",
        "/ResolvConfPath",
        "/HostnamePath",
        "/HostsPath",
        "/LogPath",
        "/GraphDriver/Data",
        "/NetworkSettings/Sandbox",
    ];
    fn walk(path: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                map.iter().for_each(|(key, value)| walk(&format!("{path}/{key}"), value, fields));
            }
            Value::Array(list) if !list.is_empty() && path != "/Mounts" => {
                list.iter().enumerate().for_each(|(i, value)| walk(&format!("{path}/{i}"), value, fields));
            }
            // The engine lists mounts in no order.
            Value::Array(list) if !list.is_empty() => list.iter().for_each(|mount| {
                walk(&format!("{path}{}", mount["Destination"].as_str().unwrap()), mount, fields);
            }),
            _ => {
                let is_assigned = ASSIGNED.iter().any(|prefix| path.starts_with(prefix))
                    || (path.starts_with("/NetworkSettings/Networks/") && path.ends_with("/EndpointID"));
                if !is_assigned {
                    fields.insert(path.to_owned(), value.to_string());
                }
            }
        }
    }
    let mut all = BTreeMap::new();
    walk("", inspect, &mut all);
    all
}

fn differences(before: &Value, after: &Value) -> Vec<String> {
    let (before, after) = (fields(before), fields(after));
    let mut paths: Vec<_> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    let show = |value: Option<&String>| value.map_or("absent", String::as_str).to_owned();
    paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| format!("{path}: {} -> {}", show(before.get(path)), show(after.get(path))))
        .collect()
}

#[tokio::test]
async fn a_replacement_differs_from_its_original_only_in_the_image_and_what_comes_from_it() {
    let engine = engine().await;
    let old_image = image(&engine, OLD).await;
    let new_image = image(&engine, NEW).await;
    let name = unique_name("cms");
    let old = engine.create(&name, &many_settings(&old_image)).await.unwrap();
    engine.start(&old).await.unwrap();
    let before = engine.inspect(&old).await.unwrap().unwrap();

    let overrides = Overrides { image: new_image.id.clone(), ..Overrides::default() };
    let carried = replacement(&before, &old_image.config, &new_image.config, &overrides).unwrap();
    assert!(carried.not_carried.is_empty(), "{:?}", carried.not_carried);
    engine.stop(&old, std::time::Duration::ZERO).await.unwrap();
    engine.rename(&old, &format!("{name}-kept")).await.unwrap();
    let new = engine.create_carried_over(&name, &carried).await.unwrap();
    engine.start(&new).await.unwrap();
    let after = engine.inspect(&name).await.unwrap().unwrap();

    let volume = |destination: &str| {
        let mounts = before["Mounts"].as_array().unwrap();
        let mount = mounts.iter().find(|mount| mount["Destination"] == destination).unwrap();
        mount["Name"].as_str().unwrap().to_owned()
    };
    let (old_id, new_id) = (&old_image.id, &new_image.id);
    let mut expected = vec![
        // Defaults of the images.
        r#"/Config/Env/3: "PATH=/bin" -> "PATH=/usr/bin""#.to_owned(),
        r#"/Config/Env/4: "LEVEL=info" -> absent"#.to_owned(),
        "/Config/ExposedPorts/8080/tcp: absent -> {}".to_owned(),
        "/Config/ExposedPorts/81/tcp: {} -> absent".to_owned(),
        format!("/Config/Image: \"{old_id}\" -> \"{new_id}\""),
        format!("/Image: \"{old_id}\" -> \"{new_id}\""),
        r#"/Config/Labels/release: "v0.8.2" -> "v0.8.1""#.to_owned(),
        "/Config/Volumes//data: {} -> absent".to_owned(),
        // Anonymous volumes, bound by name.
        format!("/HostConfig/Binds/2: absent -> \"{}:/data\"", volume("/data")),
        format!("/HostConfig/Binds/3: absent -> \"{}:/own-volume\"", volume("/own-volume")),
        format!("/HostConfig/Mounts/0/Source: absent -> \"{}\"", volume("/anonymous-mount")),
        r#"/Mounts/data/Mode: "" -> "z""#.to_owned(),
        r#"/Mounts/own-volume/Mode: "" -> "z""#.to_owned(),
    ];
    let mut found = differences(&before, &after);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    engine.remove(&old, true).await.unwrap();
    engine.remove(&new, true).await.unwrap();
}

#[tokio::test]
async fn a_container_without_settings_takes_everything_from_the_new_image() {
    let engine = engine().await;
    let old_image = image(&engine, OLD).await;
    let new_image = image(&engine, NEW).await;
    let spec = |image: &Image| json!({ "Image": image.id, "HostConfig": { "NetworkMode": "host" } });
    let old = engine.inspect(&create(&engine, &spec(&old_image)).await).await.unwrap().unwrap();
    let fresh = engine.inspect(&create(&engine, &spec(&new_image)).await).await.unwrap().unwrap();

    let overrides = Overrides {
        image: new_image.id.clone(),
        engine_host_name: Some(engine.info().await.unwrap().name),
        ..Overrides::default()
    };
    let carried = replacement(&old, &old_image.config, &new_image.config, &overrides).unwrap();
    assert!(carried.body.get("Hostname").is_none());
    let id = engine.create_carried_over(&unique_name("c"), &carried).await.unwrap();
    let replaced = engine.inspect(&id).await.unwrap().unwrap();

    // Only the old image's volume is there as well: its data must not be lost.
    let found = differences(&fresh, &replaced);
    assert!(
        found.iter().all(|path| path.starts_with("/HostConfig/Binds") || path.starts_with("/Mounts")),
        "{found:#?}"
    );
    assert_eq!(replaced["Mounts"][0]["Name"], old["Mounts"][0]["Name"]);
}

#[tokio::test]
async fn data_of_an_anonymous_volume_survives_replacement_and_removal_of_the_old_container() {
    let engine = engine().await;
    let old_image = image(&engine, OLD).await;
    let plain = image(&engine, PLAIN).await;
    let mut spec = body(&old_image, &["write", "/data/file"]);
    spec["User"] = json!("0");
    let old = create(&engine, &spec).await;
    engine.start(&old).await.unwrap();
    assert_eq!(engine.wait_exit(&old, crate::fixture::SOON).await.unwrap().exit_code, 0);
    let inspect = engine.inspect(&old).await.unwrap().unwrap();
    engine.remove(&old, true).await.unwrap();

    let cmd = ["exists", "/data/file"].map(str::to_owned).to_vec();
    let overrides = Overrides { image: plain.id.clone(), cmd: Some(cmd), ..Overrides::default() };
    let carried = replacement(&inspect, &old_image.config, &plain.config, &overrides).unwrap();
    assert_eq!(output(&engine, &carried.body).await, "looking\n");
}

#[tokio::test]
async fn an_unset_variable_is_absent_even_if_the_new_image_sets_it() {
    let engine = engine().await;
    let old_image = image(&engine, PLAIN).await;
    let new_image = image(&engine, NEW).await;
    let old = create(&engine, &body(&old_image, &["env", "MODE"])).await;
    let inspect = engine.inspect(&old).await.unwrap().unwrap();
    for (change, expected) in
        [(None, "new\n"), (Some(EnvChange::Set("set".to_owned())), "set\n"), (Some(EnvChange::Unset), "(absent)\n")]
    {
        let mut overrides = Overrides { image: new_image.id.clone(), ..Overrides::default() };
        overrides.env.extend(change.map(|change| ("MODE".to_owned(), change)));
        let carried = replacement(&inspect, &old_image.config, &new_image.config, &overrides).unwrap();
        assert_eq!(output(&engine, &carried.body).await, expected);
    }
}
