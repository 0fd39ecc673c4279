//! Values that would be commands if anything took them for shell.

use super::{impatient, install};
use crate::common::succeed;
use crate::sandbox::Sandbox;

#[test]
fn a_hostile_token_runs_nothing_and_reaches_k3s_as_it_is() {
    for hostile in [
        "'; touch owned; '",
        "$(touch owned)",
        "`touch owned`",
        "a'b\"c\\d $HOME",
        "* ? [a-z]",
        "x\u{a0}마스터",
    ] {
        let Some(sandbox) = Sandbox::new() else { return };
        let mut node = impatient();
        node.payload = Some(sandbox.insert_payload(false).to_ref());
        let hostile = hostile.replace("owned", sandbox.path("owned").to_str().unwrap());
        node.token = hostile.clone().into();
        node.password = Some(hostile.clone().into());
        install(&sandbox, node);
        sandbox.write("unit.next", "ActiveState=failed\nNRestarts=0\n");
        sandbox.write("journal", &format!("error: bad token {hostile}!\n"));
        assert!(!sandbox.boot());
        assert_eq!(sandbox.failure().reason, "k3s failed: error: bad token [token]!");
        assert!(!sandbox.path("owned").exists(), "{hostile:?} was run");
        let reader = "import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))['token'], end='')";
        let config = sandbox.path("etc/rancher/k3s/config.yaml");
        let python = crate::common::python().unwrap();
        assert_eq!(succeed(&python, &["-c", reader, config.to_str().unwrap()]), hostile);
    }
}

#[test]
fn an_archive_with_a_hostile_name_is_installed_under_that_name_and_runs_nothing() {
    for name in [
        "it's $(touch owned) `touch owned` \"한글\".tar",
        "-rf.tar",
        " --.tar",
        "%s&|<>.tar",
    ] {
        let Some(sandbox) = Sandbox::new() else { return };
        let mut payload = sandbox.payload(false);
        let named = sandbox.path(&format!("host/{name}"));
        std::fs::rename(sandbox.path("host/images.tar"), &named).unwrap();
        payload.images = vec![named];
        let mut node = impatient();
        node.payload = Some(sandbox.insert(&payload).to_ref());
        install(&sandbox, node);
        assert!(sandbox.boot(), "{name:?}: {}", sandbox.read("var/lib/lab/failed"));
        let installed = sandbox.path(&format!("var/lib/rancher/k3s/agent/images/{name}"));
        assert!(installed.is_file(), "{name:?}");
        assert!(!std::path::Path::new("owned").exists() && !sandbox.path("owned").exists());
    }
}
